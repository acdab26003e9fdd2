import type { Scope } from '../core/scope.js'
import type { ResolvedSettings } from '../core/settings.js'
import { parseCookies } from '../wire/cookies.js'
import { constantTimeEqual, randomToken, sha256 } from '../wire/crypto.js'
import { Sealer } from '../wire/seal.js'
import { deleteCookie, setCookie } from '../wire/set-cookie.js'
import { sendCookies } from './cookies.js'

const PREFIX = '__Host-sso-'
/** Milliseconds that a login may take. */
const LASTS = 600_000
/** As many tabs of a browser may be logging in; the one that began first gives way. */
const MOST = 5

/**
 * Characters of a path that is kept in a cookie. A browser takes 4,096 of the cookie as a whole, and a proxy or a server often 8,192 of all
 * cookies of a request, which five of them have to fit into.
 */
const LONGEST_PATH = 768
/** Milliseconds by which another's clock may be behind. */
const ANOTHERS_CLOCK = 60_000

/** A login that a browser has begun here: known to this site alone, by a cookie that nobody else can read or make. */
export interface Transaction {
  readonly state: string
  readonly verifier: string
  /** The path to go to afterwards. */
  readonly next: string
  /** For whom it was begun. */
  readonly of: string
  /** Whether somebody who was known is to prove anew who they are. */
  readonly fresh: boolean
  /** When it was begun, and when it is over, in milliseconds since 1970. */
  readonly began: number
  readonly ends: number
}

/** The logins that browsers have begun, in a cookie for each tab. Nothing is kept for a visitor who has not come back. */
export class Transactions {
  readonly #sealer: Sealer
  readonly #of: string

  /** @param of what they are for: a transaction for another is none */
  constructor({ secretKey, secretKeyFallbacks }: ResolvedSettings, of: string) {
    this.#sealer = new Sealer([secretKey, ...secretKeyFallbacks], 'sites.transaction')
    this.#of = of
  }

  begin(scope: Scope, next: string, fresh = false): Transaction {
    const began = scope.site.settings.clock()
    const secrets = { state: randomToken(), verifier: randomToken() }
    const transaction = { ...secrets, next: short(scope, next), of: this.#of, fresh, began, ends: began + LASTS }
    const others = this.#all(scope).toSorted((a, b) => b.ends - a.ends)
    const cookie = setCookie(cookieOf(transaction.state), this.#sealer.seal(JSON.stringify(transaction)), {
      path: '/',
      secure: true,
      httpOnly: true,
      sameSite: 'Lax',
      maxAge: LASTS / 1000,
    })
    sendCookies(scope, [cookie, ...others.slice(MOST - 1).map(({ name }) => gone(name))])
    return transaction
  }

  /** Ends the transaction of this state and gives it back; `null` where this browser has begun none. */
  take(scope: Scope, state: string): Transaction | null {
    const name = cookieOf(state)
    const sealed = parseCookies(scope.head.header('cookie'))[name]
    if (sealed === undefined) return null
    sendCookies(scope, [gone(name)])
    const transaction = this.#read(sealed)
    const isThis = transaction?.of === this.#of && constantTimeEqual(transaction.state, state)
    return isThis && transaction.ends > scope.site.settings.clock() ? transaction : null
  }

  #all(scope: Scope): readonly { readonly name: string; readonly ends: number }[] {
    return Object.entries(parseCookies(scope.head.header('cookie')))
      .filter(([name]) => name.startsWith(PREFIX))
      .map(([name, sealed]) => ({ name, ends: this.#read(sealed)?.ends ?? 0 }))
  }

  #read(sealed: string): Transaction | null {
    const text = this.#sealer.open(sealed)
    return text === null ? null : (JSON.parse(text) as Transaction)
  }
}

/**
 * Somebody was to prove anew who they are, and nothing says that they did. A page that needs that would send them back for it, again and again.
 *
 * @param proved when they last did so, in seconds since 1970, by another's clock
 */
export function isUnproved({ site }: Scope, { fresh, began }: Transaction, proved: unknown): boolean {
  if (!fresh || !site.settings.sessionAuthTime) return false
  return typeof proved !== 'number' || proved * 1000 < began - ANOTHERS_CLOCK
}

/** A path that fits into a cookie, beside all else that is in it. */
function short({ site }: Scope, next: string): string {
  return next.length <= LONGEST_PATH ? next : site.settings.loginRedirectUrl
}

/** RFC 7636 section 4.2, `S256`. */
export function challengeOf(verifier: string): string {
  return sha256(verifier, 'base64url')
}

/** Whether a text has the form of a `randomToken`. */
export function isRandom(text: string | null): text is string {
  return text !== null && /^[\w-]{43}$/.test(text)
}

function cookieOf(state: string): string {
  return PREFIX + sha256(state).slice(0, 8)
}

function gone(name: string): string {
  return deleteCookie(name, { path: '/', sameSite: 'Lax' })
}
