import { NoScope } from '../errors.js'
import { conflictingCookie, findCookie, suspiciousCookie } from '../wire/cookies.js'
import { patchVary } from '../wire/vary.js'
import * as commit from './commit.js'
import { type Decision, decide } from './decide.js'
import { dictionary } from './dictionary.js'
import { getHost, isSecure } from './host.js'
import { keepPrivate } from './keep-private.js'
import { chain, isPromise, orElse } from './maybe.js'
import type { Part } from './part.js'
import { SessionState } from './session.js'
import type { Session } from './session-types.js'
import type { Site } from './site.js'
import type { MaybePromise, PlainResponse, RequestHead, ResponseHead } from './types.js'

/** Where a request keeps its scope, so that middleware mounted twice, in any order, meets in the same one. */
const SCOPE = Symbol.for('sojourn.scope')

interface Carrier {
  [SCOPE]?: Scope
}

/** One request as sojourn sees it: its session, and what the parts keep for it. */
export class Scope {
  readonly site: Site
  readonly head: RequestHead
  /** What the framework calls the request. */
  readonly request: object
  /** The dictionary users hold. */
  readonly session: Session
  readonly state: SessionState

  #kept: Map<Part, unknown> | null = null
  #cookieSent = false
  /** The session was asked for ahead of the handler, by the key in the cookie. */
  #prefetched = false
  #finished = false
  #secure: boolean | undefined

  constructor(site: Site, head: RequestHead, request: object) {
    this.site = site
    this.head = head
    this.request = request
    this.state = new SessionState(site.store, null)
    this.state.visitor = head
    this.session = dictionary(this.state)
  }

  /** The scope this site has for a request, if its middleware has run already. */
  static of(site: Site, request: object): Scope | undefined {
    const known = (request as Carrier)[SCOPE]
    return known?.site === site ? known : undefined
  }

  /** Gives a request its scope. */
  static open(site: Site, request: object, head: RequestHead): Scope {
    const scope = new Scope(site, head, request)
    ;(request as Carrier)[SCOPE] = scope
    return scope
  }

  /** A log that prints a request comes upon its scope, and behind it upon keys and secrets (T27). */
  [Symbol.for('nodejs.util.inspect.custom')](): string {
    return `[sojourn: ${this.site.engine.name}]`
  }

  /** Whether the visitor came by HTTPS. */
  get secure(): boolean {
    this.#secure ??= isSecure(this.head, this.site.settings)
    return this.#secure
  }

  /** A cookie of the request, by Django's rules. */
  cookie(name: string): string | undefined {
    return findCookie(this.head.header('cookie'), name)
  }

  /**
   * Before the handler: refuses a host that `allowedHosts` does not name (`DisallowedHost`), reads the session cookie, fetches what an
   * asynchronous engine holds, lets the parts look. An answer given here is sent instead of the handler's.
   */
  begin(): MaybePromise<PlainResponse | undefined> {
    // Before anything is looked up: a name that leads here by somebody else's will has no visitors of ours (DNS rebinding, T44).
    if (this.site.settings.allowedHosts.length > 0) getHost(this.head, this.site.settings)
    const cookie = this.#sessionCookie()
    if (cookie === undefined) return this.#beginParts()
    const { state, site } = this
    const { engine, settings } = site
    const { sessionPrefetch } = settings
    this.#cookieSent = true
    state.key = site.store.keyOf(cookie)
    if (engine.synchronous || state.key === null || sessionPrefetch === false) return this.#beginParts()
    if (sessionPrefetch !== true && !sessionPrefetch(this.request)) return this.#beginParts()
    this.#prefetched = true
    return chain(commit.preload(state), () => this.#beginParts())
  }

  #sessionCookie(): string | undefined {
    const header = this.head.header('cookie')
    if (header === undefined) return undefined
    const { sessionCookieName: name, sessionCookieConflict } = this.site.settings
    const first = header.indexOf(name)
    if (first < 0) return undefined
    const value = findCookie(header, name)
    if (value !== undefined && header.indexOf(name, first + name.length) < 0) return value
    // The name is there more than once, or in a disguise: rare, and worth a closer look.
    const { request, site } = this
    if (suspiciousCookie(header, name)) site.emit('cookie_name_suspicious', { request })
    if (!conflictingCookie(header, name)) return value
    site.emit('session_cookie_conflict', { request })
    return sessionCookieConflict === 'anonymous' ? undefined : value
  }

  #beginParts(from = 0): MaybePromise<PlainResponse | undefined> {
    const { beginning } = this.site
    for (let i = from; i < beginning.length; i++) {
      const answer = (beginning[i] as Part).begin?.(this)
      if (isPromise(answer)) return answer.then((given) => given ?? this.#beginParts(i + 1))
      if (answer !== undefined) return answer
    }
    return undefined
  }

  /** The head of the response has left already: the session can be read, and no longer be changed. */
  tooLate(): void {
    this.#finished = true
    this.state.held = true
    this.state.sealed = true
  }

  /** What a part keeps for this request, made at the first call; the part then takes part in finishing. */
  keep<T>(part: Part, make: () => T): T {
    const known = this.#kept?.get(part)
    if (known !== undefined) return known as T
    const made = make()
    this.#kept ??= new Map()
    this.#kept.set(part, made)
    return made
  }

  /** What a part keeps for this request, if it does. */
  kept<T>(part: Part): T | undefined {
    return this.#kept?.get(part) as T | undefined
  }

  /** A user is logging in: forms' tokens are renewed. */
  loggedIn(): void {
    for (const part of this.site.parts) part.loggedIn?.(this)
  }

  /**
   * Before the first byte of the response: what was begun is awaited, the parts finish, the session is stored, the headers are set. Throws
   * what must become an error response; then nothing of the handler's response may leave.
   */
  finish(response: ResponseHead): MaybePromise<void> {
    if (this.#finished) return
    this.#finished = true
    this.state.held = true
    if (this.#kept === null && !commit.isPending(this.state)) return this.#finishSession(response)
    return chain(commit.settlePending(this.state), () =>
      chain(this.#finishParts(response), () => this.#finishSession(response)),
    )
  }

  /** After `finish` has failed: a key that changed is stored already, so the visitor is told of it with the error. */
  salvage(response: ResponseHead): void {
    this.state.held = false
    if (!this.state.cycled || this.state.key === null) return
    vary(response)
    this.#sendCookie(response)
  }

  #finishParts(response: ResponseHead, from = 0): MaybePromise<void> {
    const { parts } = this.site
    for (let i = from; i < parts.length; i++) {
      const part = parts[i] as Part
      const done = this.#kept?.has(part) ? part.finish?.(this, response) : undefined
      if (isPromise(done)) return done.then(() => this.#finishParts(response, i + 1))
    }
  }

  #finishSession(response: ResponseHead): MaybePromise<void> {
    const { state } = this
    if (state.phase === 'loaded') state.noticeNested()
    const decision = this.#decide(response.status)
    return chain(this.#act(decision), (sendCookie) => {
      state.sealed = true
      if (decision.vary) vary(response)
      if (sendCookie) this.#sendCookie(response)
      if (decision.action === 'delete-cookie') {
        response.append('Set-Cookie', this.site.sessionCookie.deletion())
        keepPrivate(response)
      }
      this.site.decided(this, decision)
    })
  }

  #decide(status: number): Decision {
    const { state } = this
    if (state.phase === 'failed') {
      return { action: 'none', vary: state.accessed, reason: 'the store failed, so the cookie is left as it is' }
    }
    if (state.endedElsewhere && state.key === null) {
      return {
        action: 'none',
        vary: state.accessed,
        reason: 'another request ended the session, and the cookie may be its own',
      }
    }
    const every = this.site.settings.sessionSaveEveryRequest
    // What nobody but us has looked up counts as not looked up: a page without a session takes no cookie away, on any engine.
    const empty = state.isEmpty() && (state.accessed || !this.#prefetched)
    if (every === 'django' && !state.modified && !empty) state.unsaved = true
    return decide({
      cookieSent: this.#cookieSent,
      empty,
      accessed: state.accessed,
      modified: state.modified || every === 'django',
      cycled: state.cycled,
      touchDue: every === true || this.#touchDue(),
      status,
    })
  }

  /** Whether a session that was only read is due to have its end moved (`sessionTouchAfter`). */
  #touchDue(): boolean {
    const { sessionTouchAfter, clock } = this.site.settings
    const { loaded, key, accessed } = this.state
    if (sessionTouchAfter === null || !accessed || key === null) return false
    const expires = loaded?.expires?.() ?? null
    return expires !== null && expires - clock() < (this.state.getExpiryAge() - sessionTouchAfter) * 1000
  }

  /** Stores what there is to store; true if the cookie is to be sent. */
  #act({ action }: Decision): MaybePromise<boolean> {
    const { state } = this
    if (action === 'cookie') return true
    if (action === 'save') return state.unsaved ? chain(commit.save(state), () => true) : true
    if (action === 'touch') return commit.touch(state)
    return commit.isUnnoted(state) ? this.#note() : false
  }

  /** Tells the index of users' sessions of a key that Django made. Nothing that the visitor should hear of, if it fails: the next request tries again. */
  #note(): MaybePromise<false> {
    return orElse(
      () => chain(commit.note(this.state), () => false as const),
      () => false,
    )
  }

  #sendCookie(response: ResponseHead): void {
    const { state, site } = this
    if (state.key === null) return
    response.append('Set-Cookie', site.sessionCookie.of(state, this.secure))
    keepPrivate(response)
  }
}

function vary(response: ResponseHead): void {
  const existing = response.get('Vary')
  response.set('Vary', existing === undefined ? 'Cookie' : patchVary(existing, ['Cookie']))
}

/** The scope of whatever the framework hands over; throws `NoScope` where no middleware made one. */
export function scopeOf(request: object): Scope {
  const scope = findScope(request)
  if (scope === undefined) throw new NoScope()
  return scope
}

/** A scope is on the request itself, or on the raw request that a framework's context wraps. */
export function findScope(request: object): Scope | undefined {
  if (typeof request !== 'object' || request === null) return undefined
  const wrapped = request as Carrier & { readonly raw?: Carrier; readonly req?: Carrier; readonly request?: Carrier }
  return wrapped[SCOPE] ?? wrapped.raw?.[SCOPE] ?? wrapped.req?.[SCOPE] ?? wrapped.request?.[SCOPE]
}
