import type { SettingsInput } from '../../../src/core/settings.js'

/** A site: settings that both sides can be given, and how ours is served. Plain data, so that it can be printed and read again. */
export interface Variant {
  readonly adapter: 'express' | 'node' | 'fetch'
  /** Whether something parses multipart forms ahead of our middleware, as its documentation asks for (Fetch does by itself). */
  readonly parsesMultipart: boolean
  readonly settings: Pick<
    SettingsInput,
    | 'allowedHosts'
    | 'csrfCookieDomain'
    | 'csrfCookieName'
    | 'csrfHeaderName'
    | 'csrfTrustedOrigins'
    | 'csrfUseSessions'
    | 'secureProxySslHeader'
    | 'sessionCookieDomain'
    | 'useXForwardedHost'
    | 'useXForwardedPort'
  >
}

/** One request, as its bytes say it. Texts are Latin-1: a character is a byte. */
export interface Case {
  readonly method: string
  /** Whether it comes through TLS. */
  readonly tls: boolean
  /** Whether the page that it may reach asks for a token. */
  readonly asksToken: boolean
  /** The header's lines in their order, without Content-Length. Without a Host line it is HTTP/1.0, which Fetch has not. */
  readonly lines: readonly (readonly [name: string, value: string])[]
  readonly body: string
  /** The secret that its visitor was given, to see whether it changes. */
  readonly secret: string
}

/** What a side did. */
export interface Verdict {
  /** 200 where the page was reached, 403 where the form was refused; 0 where there was no answer at all. */
  readonly status: number
  /** Why the form was refused. */
  readonly reason: string | null
  readonly setCookies: readonly string[]
}

/** The values of a header in one text, as RFC 9110 section 5.3 puts lines together, or `undefined`. */
export function headerOf({ lines }: Pick<Case, 'lines'>, name: string): string | undefined {
  const values = lines.filter(([each]) => each.toLowerCase() === name).map(([, value]) => value)
  return values.length === 0 ? undefined : values.join(name === 'cookie' ? '; ' : ', ').replace(/^[ \t]+|[ \t]+$/g, '')
}

/** Whether the visitor came by HTTPS, as far as the site is told. */
export function cameByHttps({ lines, tls }: Pick<Case, 'lines' | 'tls'>, { settings }: Variant): boolean {
  const [proxyHeader, proof] = settings.secureProxySslHeader ?? []
  const said = proxyHeader === undefined ? undefined : headerOf({ lines }, proxyHeader.toLowerCase())
  return said === undefined ? tls : said.split(',')[0]?.trim() === proof
}
