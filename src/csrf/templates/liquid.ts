import { templateField } from './template-field.js'

/** As much of LiquidJS as a tag needs, so that its types need not be installed. */
interface Context {
  getSync(path: string[]): unknown
}

/** A tag for `engine.registerTag`. */
export interface LiquidCsrfTag {
  parse(): void
  render(context: Context): string
}

/**
 * `{% csrf_token %}` for LiquidJS, as in Django's templates: the hidden field for the `request` of the template's context.
 *
 * @example
 * ```ts
 * import { Liquid } from 'liquidjs'
 * import { csrfTokenTag } from 'sojourn/liquid'
 *
 * const engine = new Liquid()
 * engine.registerTag('csrf_token', csrfTokenTag())
 * // buy.liquid: <form method="post">{% csrf_token %}<button>Buy</button></form>
 * ```
 */
export function csrfTokenTag(): LiquidCsrfTag {
  return {
    parse() {},
    render: (context) => templateField(context.getSync(['request']), '{% csrf_token %}'),
  }
}
