import { isSameDomain } from '../core/host.js'

/** The `csrfTrustedOrigins` of a site, made ready. */
export interface TrustedOrigins {
  /** Whether an Origin header is listed, or is below a wildcard of the same scheme. */
  hasOrigin(origin: string): boolean
  /** Whether the host of a Referer is that of a listed origin; its scheme does not matter here, as in Django. */
  hasHost(host: string): boolean
}

/**
 * An origin as browsers serialise it (RFC 6454 section 6.2). Python's `urlsplit` reads more: it drops newlines and takes a
 * backslash for a letter of the host, which would let `https://evil.example\.good.example` pass (T35).
 */
const SERIALISED = /^([a-z][a-z0-9+.-]*):\/\/([a-z0-9._-]+(?::[0-9]{1,5})?)$/i

/** Origins are lower case here: the settings see to it. `*.example.com` also means example.com itself. */
export function trustedOrigins(origins: readonly string[]): TrustedOrigins {
  const listed = origins.map((origin) => {
    const [scheme = '', host = ''] = origin.split('://')
    return { scheme, host: host.replace(/^\*/, '') }
  })
  const exact = new Set(origins.filter((origin) => !origin.includes('*')))
  const below = listed.filter(({ host }) => host.startsWith('.'))
  return {
    hasOrigin(origin) {
      if (exact.has(origin)) return true
      if (below.length === 0) return false
      const [, scheme = '', host = ''] = SERIALISED.exec(origin) ?? []
      return below.some((pattern) => pattern.scheme === scheme.toLowerCase() && isSameDomain(host, pattern.host))
    },
    hasHost: (host) => listed.some((pattern) => isSameDomain(host, pattern.host)),
  }
}
