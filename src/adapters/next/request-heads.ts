import type { RequestHead } from '../../core/types.js'
import { FetchRequestHead } from '../on-fetch/request.js'

/** A request of which Next shows the headers only. */
export class NextHead implements RequestHead {
  readonly method: string
  /** Next tells neither a component nor an action where it is. */
  readonly url = ''
  readonly encrypted: boolean
  /** Next has read what an action was sent, and checks by itself where it came from; here it is checked more strictly. */
  readonly formless = true
  readonly #headers: Headers

  constructor(headers: Headers, method: string) {
    this.#headers = headers
    this.method = method
    this.encrypted = cameEncrypted(headers)
  }

  header(name: string): string | undefined {
    return headerOf(this.#headers, name)
  }

  formField(): undefined {
    return undefined
  }
}

/** A request as route handlers and the proxy have it. */
export class NextRequestHead extends FetchRequestHead {
  readonly #headers: Headers

  constructor(request: Request, formLimit: number | null) {
    super(request, formLimit)
    this.#headers = request.headers
  }

  override get encrypted(): boolean {
    return cameEncrypted(this.#headers)
  }

  override header(name: string): string | undefined {
    return headerOf(this.#headers, name) ?? super.header(name)
  }
}

/**
 * Whether the visitor came by HTTPS, as Next sees it: it writes this header itself where no proxy has done so, and its own `request.url` says the
 * same. Where `secureProxySslHeader` names another header, that one decides.
 */
function cameEncrypted(headers: Headers): boolean {
  return headers.get('x-forwarded-proto')?.split(',', 1)[0]?.trim() === 'https'
}

/**
 * A header as the visitor was given it. Next writes a colon as `%3A` into the cookies that its `cookies()` sets. No cookie of Django's kind
 * holds a percent sign, so each of these was one.
 */
function headerOf(headers: Headers, name: string): string | undefined {
  const value = headers.get(name) ?? undefined
  return name === 'cookie' && value?.includes('%3A') ? value.replaceAll('%3A', ':') : value
}
