import { load } from '../core/commit.js'
import { keepPrivate } from '../core/keep-private.js'
import { chain } from '../core/maybe.js'
import type { Part } from '../core/part.js'
import type { Scope } from '../core/scope.js'
import type { ResolvedSettings } from '../core/settings.js'
import type { MaybePromise, PlainResponse, ResponseHead } from '../core/types.js'
import { SessionSealed } from '../errors.js'
import { randomString } from '../wire/crypto.js'
import { setCookie } from '../wire/set-cookie.js'
import { patchVary } from '../wire/vary.js'
import { csrfFailure } from './failure-page.js'
import { bareSecret, CSRF_ALPHABET, malformation, maskSecret, SECRET_LENGTH } from './token.js'
import { isSafe, type StoredSecret, type Verify, verifier } from './verify.js'

/** Where the secret is kept with `csrfUseSessions`. Django's `CSRF_SESSION_KEY`. */
const SESSION_KEY = '_csrftoken'

/** A secret that this response must store: new, or in use and so to be renewed. */
interface Kept {
  secret: string
}

const exempted = new WeakSet<object>()

/** Lets one request pass unchecked. `csrfExempt` for users. */
export function exempt(request: object): void {
  exempted.add(request)
}

/** Makes the part that protects forms. Mirrors `django.middleware.csrf.CsrfViewMiddleware`. */
export function csrfPart(settings: ResolvedSettings): CsrfPart {
  return new CsrfPart(settings)
}

export class CsrfPart implements Part {
  readonly name = 'csrf'
  readonly #settings: ResolvedSettings
  readonly #verify: Verify
  readonly #random: (length: number, alphabet: string) => string

  constructor(settings: ResolvedSettings) {
    this.#settings = settings
    this.#verify = verifier(settings)
    this.#random = settings.random ?? randomString
  }

  begin(scope: Scope): MaybePromise<PlainResponse | undefined> {
    this.#replaceMalformedCookie(scope)
    if (isSafe(scope.head.method) || exempted.has(scope.request)) return undefined
    const { head, secure } = scope
    const reason = this.#verify({ head, secure, stored: () => this.#stored(scope) })
    return chain(reason, (why) => (why === null ? undefined : this.#refuse(scope, why)))
  }

  #refuse(scope: Scope, reason: string): MaybePromise<PlainResponse> {
    const { request, site } = scope
    site.emit('csrf_failed', { reason, request })
    return (this.#settings.csrfFailureView ?? csrfFailure)(request, reason)
  }

  finish(scope: Scope, response: ResponseHead): MaybePromise<void> {
    const kept = scope.kept<Kept>(this)
    if (kept === undefined) return
    const { state } = scope
    if (this.#settings.csrfUseSessions) {
      return chain(load(state), () => {
        // Django before 4.1 keeps it masked there and cannot read a bare one, so one that is still right stays as it is.
        if (this.#storedNow(scope).secret !== kept.secret) state.put(SESSION_KEY, kept.secret)
      })
    }
    response.append('Set-Cookie', this.#cookie(kept.secret, scope.secure))
    response.set('Vary', patchVary(response.get('Vary'), ['Cookie']))
    keepPrivate(response)
  }

  /** A token made before login may be known to somebody else. */
  loggedIn(scope: Scope): void {
    if (scope.state.sealed) throw new SessionSealed()
    this.#send(scope, this.#newSecret())
  }

  /** A token for a form of this response, masked anew at each call. Mirrors `get_token`. */
  token(scope: Scope): string {
    const known = scope.kept<Kept>(this)?.secret ?? this.#storedNow(scope).secret
    // Past the head a known secret still serves; a new one could no longer reach the visitor, and the form would fail.
    const secret = known ?? this.#newSecret()
    if (!scope.state.held) this.#send(scope, secret)
    else if (known === undefined || known === null) throw new SessionSealed()
    return maskSecret(secret, this.#newSecret())
  }

  /** A new secret; forms made before fail. Mirrors `rotate_token`. */
  rotate(scope: Scope): void {
    if (scope.state.held) throw new SessionSealed()
    this.#send(scope, this.#newSecret())
  }

  #send(scope: Scope, secret: string): void {
    scope.keep<Kept>(this, () => ({ secret })).secret = secret
  }

  #newSecret(): string {
    return this.#random(SECRET_LENGTH, CSRF_ALPHABET)
  }

  /** Before anything else and for every method, as Django's `process_request` does; without a cookie it costs nothing. */
  #replaceMalformedCookie(scope: Scope): void {
    const { csrfCookieName, csrfUseSessions } = this.#settings
    if (csrfUseSessions || !scope.head.header('cookie')?.includes(csrfCookieName)) return
    const cookie = scope.cookie(csrfCookieName)
    if (cookie !== undefined && malformation(cookie) !== null) this.#send(scope, this.#newSecret())
  }

  #stored(scope: Scope): MaybePromise<StoredSecret> {
    if (!this.#settings.csrfUseSessions) return this.#storedNow(scope)
    return chain(load(scope.state), () => this.#storedNow(scope))
  }

  /** The visitor's secret; throws `SessionNotLoaded` where it is in a session that was not loaded. */
  #storedNow(scope: Scope): StoredSecret {
    const { csrfCookieName, csrfUseSessions } = this.#settings
    const text = csrfUseSessions ? scope.state.get(SESSION_KEY) : scope.cookie(csrfCookieName)
    if (typeof text !== 'string') return { secret: null }
    const malformed = malformation(text)
    if (malformed === null) return { secret: bareSecret(text) }
    // No visitor wrote what a session holds, so it is no secret rather than a wrong cookie.
    return csrfUseSessions ? { secret: null } : { malformed }
  }

  #cookie(secret: string, secure: boolean): string {
    const settings = this.#settings
    const maxAge = settings.csrfCookieAge ?? undefined
    return setCookie(settings.csrfCookieName, secret, {
      maxAge,
      expires: maxAge === undefined ? undefined : settings.clock() + maxAge * 1000,
      domain: settings.csrfCookieDomain ?? undefined,
      path: settings.csrfCookiePath,
      secure: settings.csrfCookieSecure === 'auto' ? secure : settings.csrfCookieSecure,
      httpOnly: settings.csrfCookieHttponly,
      sameSite: settings.csrfCookieSamesite,
    })
  }
}
