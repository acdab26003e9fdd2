import { ImproperlyConfigured } from '../errors.js'

/** A program on a device: where its browser hands over to it. Claimed `https:` links, schemes of its own, or `http://127.0.0.1` with any port. */
export interface NativeMember {
  readonly native: readonly string[]
}

/** One of the sites, as the registry has it. */
export interface Member {
  readonly name: string
  /** What a ticket is for: the site's origin, or `native:` and the program's name. */
  readonly audience: string
  /** Where the routes of the site are; `null` for a program. */
  readonly base: URL | null
  readonly native: readonly string[]
}

export interface SiteNames {
  /** This site: `'hub'`, or the name of a member. */
  readonly self: string
  /** Where the hub's routes are: `https://id.example.com/sso/`. */
  readonly hub: string
  /** Where the routes of each member are, by its name: `https://shop.example/sso/`. */
  readonly members: Readonly<Record<string, string | NativeMember>>
}

/** Who may take part, and where each is. No URL is ever taken from a request. */
export class Registry {
  readonly hub: Member & { readonly base: URL }
  readonly self: Member & { readonly base: URL }
  readonly #members: ReadonlyMap<string, Member>

  constructor({ self, hub, members }: SiteNames) {
    this.hub = siteMember('hub', hub)
    if (typeof members !== 'object' || members === null) {
      throw new ImproperlyConfigured("createSites needs members: { shop: 'https://shop.example/sso/' }.")
    }
    const named = Object.entries(members).map(([name, given]): [string, Member] => {
      if (name === 'hub' || !/^[a-z0-9-]{1,40}$/.test(name)) {
        throw new ImproperlyConfigured(
          `members of createSites are named with lower-case letters, digits and hyphens, and none is 'hub': '${name}'.`,
        )
      }
      return [name, typeof given === 'string' ? siteMember(name, given) : nativeMember(name, given)]
    })
    this.#members = new Map(named)
    const all = [this.hub, ...this.#members.values()].map(({ audience }) => audience)
    if (new Set(all).size < all.length) {
      throw new ImproperlyConfigured('Two sites of createSites have the same origin: give each an origin of its own.')
    }
    const own = self === 'hub' ? this.hub : this.#members.get(self)
    if (own?.base == null) {
      throw new ImproperlyConfigured(`self of createSites is 'hub' or the name of a site in members, not '${self}'.`)
    }
    this.self = own as Member & { readonly base: URL }
  }

  get isHub(): boolean {
    return this.self === this.hub
  }

  member(name: string | null): Member | undefined {
    return name === null ? undefined : this.#members.get(name)
  }
}

function siteMember(name: string, given: string): Member & { readonly base: URL } {
  const base = URL.canParse(given) ? new URL(given) : null
  const isPlain = base !== null && base.search === '' && base.hash === '' && base.username === ''
  if (!isPlain || !/^https?:$/.test(base.protocol) || !base.pathname.endsWith('/')) {
    throw new ImproperlyConfigured(
      `createSites needs the whole URL under which the routes of '${name}' are, with a slash at its end: 'https://shop.example/sso/'.`,
    )
  }
  if (base.protocol === 'http:' && !isLoopback(base.hostname)) {
    throw new ImproperlyConfigured(
      `createSites refuses '${given}': without HTTPS a login can be read on its way. http:// is for localhost and the names below it.`,
    )
  }
  return { name, audience: base.origin, base, native: [] }
}

function nativeMember(name: string, { native }: NativeMember): Member {
  const isGood = (uri: string): boolean => URL.canParse(uri) && new URL(uri).hash === '' && isRedirect(new URL(uri))
  if (!Array.isArray(native) || native.length === 0 || !native.every(isGood)) {
    throw new ImproperlyConfigured(
      `The program '${name}' of createSites needs the URIs that it is reached by: 'https://app.example/callback', 'com.example.app:/callback', or 'http://127.0.0.1/callback' for any port.`,
    )
  }
  return { name, audience: `native:${name}`, base: null, native }
}

/** RFC 8252 section 7: claimed HTTPS links, schemes in reverse domain order, and loopback addresses. */
function isRedirect({ protocol, hostname }: URL): boolean {
  if (protocol === 'https:') return true
  return protocol === 'http:' ? isLoopbackAddress(hostname) : /^[a-z][a-z0-9+-]*(?:\.[a-z0-9+-]+)+:$/.test(protocol)
}

/**
 * The redirect URI that a program asks for, if it is one of its own: to the letter, but for the port of a loopback address (RFC 8252
 * section 7.3).
 */
export function ownRedirect({ native }: Member, wanted: string | null): URL | null {
  if (wanted === null || !URL.canParse(wanted)) return null
  const url = new URL(wanted)
  const withoutPort = (uri: string): string => {
    const plain = new URL(uri)
    if (plain.protocol === 'http:' && isLoopbackAddress(plain.hostname)) plain.port = ''
    return plain.href
  }
  const isOwn = native.some(
    (uri) => uri === wanted || (isLoopbackAddress(url.hostname) && withoutPort(uri) === withoutPort(wanted)),
  )
  return isOwn ? url : null
}

function isLoopbackAddress(hostname: string): boolean {
  return hostname === '127.0.0.1' || hostname === '[::1]'
}

/** This machine, by whatever name browsers know it. */
export function isLoopback(hostname: string): boolean {
  return isLoopbackAddress(hostname) || hostname === 'localhost' || hostname.endsWith('.localhost')
}
