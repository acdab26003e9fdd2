import { templateField } from './template-field.js'

/** As much of Handlebars as a helper needs, so that its types need not be installed. */
interface Handlebars<Safe> {
  readonly SafeString: new (html: string) => Safe
}
interface HelperOptions {
  readonly data?: { readonly root?: { readonly request?: unknown } }
}

/**
 * `{{csrf_token}}` for Handlebars: the hidden field for the `request` of the data that the template is given.
 *
 * @example
 * ```ts
 * import Handlebars from 'handlebars'
 * import { csrfTokenHelper } from 'sojourn/handlebars'
 *
 * Handlebars.registerHelper('csrf_token', csrfTokenHelper(Handlebars))
 * // buy.hbs: <form method="post">{{csrf_token}}<button>Buy</button></form>
 * ```
 */
export function csrfTokenHelper<Safe>(handlebars: Handlebars<Safe>): (...args: unknown[]) => Safe {
  return (...args) => {
    const options = args.at(-1) as HelperOptions
    return new handlebars.SafeString(templateField(options.data?.root?.request, '{{csrf_token}}'))
  }
}
