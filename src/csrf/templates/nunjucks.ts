import { templateField } from './template-field.js'

/** As much of Nunjucks as a tag needs, so that its types need not be installed. */
interface Parser {
  nextToken(): { readonly value: string }
  advanceAfterBlockEnd(name: string): unknown
}
interface Nodes {
  readonly NodeList: new () => object
  readonly CallExtension: new (extension: object, method: string, args: object) => object
}
interface Context {
  lookup(name: string): unknown
}

/** An extension for `environment.addExtension`. */
export interface CsrfTokenTag {
  readonly tags: string[]
  readonly autoescape: boolean
  parse(parser: Parser, nodes: Nodes): unknown
  render(context: Context): string
}

/**
 * `{% csrf_token %}` for Nunjucks, as in Django's templates: the hidden field for the `request` of the template's context,
 * which is there under Express, and is to be handed over elsewhere.
 *
 * @example
 * ```ts
 * import nunjucks from 'nunjucks'
 * import { csrfTokenTag } from 'sojourn/nunjucks'
 *
 * const environment = nunjucks.configure('templates', { autoescape: true })
 * environment.addExtension('csrf_token', csrfTokenTag())
 * // templates/buy.html: <form method="post">{% csrf_token %}<button>Buy</button></form>
 * ```
 */
export function csrfTokenTag(): CsrfTokenTag {
  return {
    tags: ['csrf_token'],
    // The field is HTML made here of letters and digits; escaped, it would show up as text.
    autoescape: false,
    parse(parser, nodes) {
      parser.advanceAfterBlockEnd(parser.nextToken().value)
      return new nodes.CallExtension(this, 'render', new nodes.NodeList())
    },
    render(context) {
      return templateField(context.lookup('request'), '{% csrf_token %}')
    },
  }
}
