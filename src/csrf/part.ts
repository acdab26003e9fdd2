import { load } from '../core/commit.js'
import { keepPrivate } from '../core/keep-private.js'
import { chain, orElse } from '../core/maybe.js'
import type { Part } from '../core/part.js'
import type { Scope } from '../core/scope.js'
import type { ResolvedSettings } from '../core/settings.js'
import type { MaybePromise, PlainResponse, ResponseHead } from '../core/types.js'
import { BodyNotParsed } from '../errors.js'
import { randomString } from '../wire/crypto.js'
import { setCookie } from '../wire/set-cookie.js'
import { patchVary } from '../wire/vary.js'
import { exemption } from './exempt.js'
import { csrfFailure } from './failure-page.js'
import { csrfReasonCode } from './reasons.js'
import { RefusalLog } from './refusal-log.js'
import { bareSecret, CSRF_ALPHABET, malformation, maskSecret, SECRET_LENGTH } from './token.js'
import { isSafe, type StoredSecret, type Submission, type Verify, verifier } from './verify.js'

/** Where the secret is kept with `csrfUseSessions`. Django's `CSRF_SESSION_KEY`. */
const SESSION_KEY = '_csrftoken'

/** A secret that this response must store: new, or in use and so to be renewed. */
interface Kept {
  secret: string
}

/** Makes the part that protects forms. Mirrors `django.middleware.csrf.CsrfViewMiddleware`. */
export function csrfPart(settings: ResolvedSettings): CsrfPart {
  return new CsrfPart(settings)
}

export class CsrfPart implements Part {
  readonly name = 'csrf'
  readonly #settings: ResolvedSettings
  readonly #verify: Verify
  readonly #isExempt: (request: object, url: string) => boolean
  readonly #random: (length: number, alphabet: string) => string
  /** Paths of routes that sojourn itself serves, where who asks proves that in another way. */
  readonly #proven = new Set<string>()
  readonly #log = new RefusalLog()
  /** Both are absent where `middleware` leaves the part out: then `csrfProtect` guards single pages. */
  readonly begin?: NonNullable<Part['begin']>
  readonly view?: NonNullable<Part['view']>

  constructor(settings: ResolvedSettings) {
    this.#settings = settings
    this.#verify = verifier(settings)
    this.#isExempt = exemption(settings.csrfExemptPaths)
    this.#random = settings.random ?? randomString
    if (!settings.middleware.includes('csrf')) return
    this.begin = (scope) => this.prepare(scope)
    this.view = (scope) => this.#view(scope)
  }

  #view(scope: Scope): MaybePromise<PlainResponse | undefined> {
    const { head, request } = scope
    if (isSafe(head.method) || this.#isExempt(request, head.url)) return undefined
    return this.#proven.has(head.url.split('?', 1)[0] as string) ? undefined : this.check(scope)
  }

  /** Leaves a route alone that proves in another way who asks: what signs its requests itself. */
  exemptPath(path: string): void {
    this.#proven.add(path)
  }

  /**
   * The answer to a request without a good token. Mirrors `process_view`, but for the exemptions.
   *
   * @param always also where the site only reports
   */
  check(scope: Scope, always = false): MaybePromise<PlainResponse | undefined> {
    const { head, secure, byHeader } = scope
    if (byHeader || isSafe(head.method)) return undefined
    const submission = { head, secure, stored: () => this.#stored(scope) }
    if (!always && this.#settings.csrfMode === 'report-only') return this.#report(scope, submission)
    return chain(this.#verify(submission), (why) => (why === null ? undefined : this.#refuse(scope, why)))
  }

  #refuse(scope: Scope, reason: string): MaybePromise<PlainResponse> {
    const { request } = scope
    this.#tell(scope, reason, true)
    return (this.#settings.csrfFailureView ?? csrfFailure)(request, reason)
  }

  /** Tells what would have been refused. Of a form that cannot be read there is nothing to tell. */
  #report(scope: Scope, submission: Submission): MaybePromise<undefined> {
    const unread = (error: unknown): null => {
      if (error instanceof BodyNotParsed) return null
      throw error
    }
    return chain(
      orElse(() => this.#verify(submission), unread),
      (reason) => {
        if (reason !== null) this.#tell(scope, reason, false)
        return undefined
      },
    )
  }

  /** Where nobody listens it is printed: a form that stops working must not do so without a trace. */
  #tell(scope: Scope, reason: string, refused: boolean): void {
    const { request, site } = scope
    const heard = site.emit('csrf_failed', { reason, code: csrfReasonCode(reason), refused, request })
    if (!heard) this.#log.print(scope, reason, refused)
  }

  finish(scope: Scope, response: ResponseHead): MaybePromise<void> {
    const kept = scope.kept<Kept>(this)
    if (kept === undefined) return
    const { state } = scope
    if (this.#settings.csrfUseSessions) {
      return chain(load(state), () => {
        // What is there may be in the other form, and is right all the same.
        if (this.#storedNow(scope).secret === kept.secret) return
        state.put(SESSION_KEY, this.#storedForm(kept.secret))
      })
    }
    response.append('Set-Cookie', this.#cookie(this.#storedForm(kept.secret), scope.secure))
    response.set('Vary', patchVary(response.get('Vary'), ['Cookie']))
    keepPrivate(response)
  }

  /** A token made before login may be known to somebody else. Where nobody checks tokens by themselves, who has none gets none. */
  loggedIn(scope: Scope): void {
    if (this.begin === undefined && scope.kept<Kept>(this) === undefined && !this.#storedNow(scope).secret) return
    if (scope.state.sealed) throw scope.state.refusal()
    this.#keep(scope, this.#newSecret())
  }

  /** A token for a form of this response, masked anew at each call. Mirrors `get_token`. */
  token(scope: Scope): string {
    const known = scope.kept<Kept>(this)?.secret ?? this.#storedNow(scope).secret
    // Past the head a known secret still serves; a new one could no longer reach the visitor, and the form would fail.
    const secret = known ?? this.#newSecret()
    if (!scope.state.held) this.#keep(scope, secret)
    else if (known === undefined || known === null) throw scope.state.refusal()
    return maskSecret(secret, this.#newSecret())
  }

  /** A new secret; forms made before fail. Mirrors `rotate_token`. */
  rotate(scope: Scope): void {
    if (scope.state.held) throw scope.state.refusal()
    this.#keep(scope, this.#newSecret())
  }

  /** The visitor's secret goes out with this response, a new one where there is none. Mirrors `ensure_csrf_cookie`. */
  send(scope: Scope): MaybePromise<void> {
    if (scope.kept<Kept>(this) !== undefined) return
    if (scope.state.held) throw scope.state.refusal()
    return chain(this.#stored(scope), ({ secret }) => this.#keep(scope, secret ?? this.#newSecret()))
  }

  /** As `send`, only for whoever has no secret yet and where tokens count: before a page that cannot set a cookie itself. */
  provide(scope: Scope): MaybePromise<void> {
    const { middleware, csrfMode } = this.#settings
    if (!middleware.includes('csrf') || csrfMode === 'header-only') return
    this.prepare(scope)
    return chain(this.#stored(scope), ({ secret }) => (secret ? undefined : this.send(scope)))
  }

  #keep(scope: Scope, secret: string): void {
    scope.keep<Kept>(this, () => ({ secret })).secret = secret
  }

  /** Bare, or masked as Django up to 4.0 keeps it, which cannot read a bare one out of a session. Either is read here. */
  #storedForm(secret: string): string {
    return this.#settings.csrfCookieMasked ? maskSecret(secret, this.#newSecret()) : secret
  }

  #newSecret(): string {
    return this.#random(SECRET_LENGTH, CSRF_ALPHABET)
  }

  /**
   * Replaces a cookie that is no secret: before anything else and for every method, as Django's `process_request` does. Without a cookie it
   * costs nothing.
   */
  prepare(scope: Scope): undefined {
    const { csrfCookieName, csrfUseSessions } = this.#settings
    if (csrfUseSessions || !scope.head.header('cookie')?.includes(csrfCookieName)) return
    const cookie = scope.cookie(csrfCookieName)
    if (cookie !== undefined && malformation(cookie) !== null) this.#keep(scope, this.#newSecret())
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

/** The part of a request's site; it is there also where `middleware` leaves it out. */
export function partOf(scope: Scope): CsrfPart {
  return scope.site.part<CsrfPart>('csrf')
}
