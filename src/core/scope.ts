import { NoScope } from '../errors.js'
import { findCookie } from '../wire/cookies.js'
import { patchVary } from '../wire/vary.js'
import * as commit from './commit.js'
import { type Decision, decide } from './decide.js'
import { dictionary, isSession } from './dictionary.js'
import { getHost, isSecure } from './host.js'
import { keepPrivate } from './keep-private.js'
import { chain, inOrder, isPromise, orElse } from './maybe.js'
import { isUnnoted, note } from './noting.js'
import { refuseOther } from './one-cookie.js'
import type { Keeper, Part } from './part.js'
import { readSessionCookie } from './read-session-cookie.js'
import { SessionState } from './session.js'
import type { Session } from './session-types.js'
import { isPlainObject } from './setting-rules.js'
import type { Site } from './site.js'
import type { MaybePromise, PlainResponse, RequestHead, ResponseHead } from './types.js'
import { WithoutCookies } from './without-cookies.js'

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

  #kept: Map<Keeper, unknown> | null = null
  /** What the session's cookie named. Read once: on Deno a request that became a WebSocket has no headers any more. */
  #given: string | undefined
  /** The session was asked for ahead of the handler, by the key in the cookie. */
  #prefetched = false
  #finished = false
  /** `finish`, while it is under way. */
  #finishing: Promise<void> | undefined
  /** The parts were asked whether the handler may run. */
  #viewed = false
  #byHeader = false
  /** The response that `finish` failed for is given up, and another one is to come. */
  #dropped = false
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

  /** Lets the object that a framework makes of this request be given instead of it: `getSession(context)`. */
  carriedBy(context: object): void {
    ;(context as Carrier)[SCOPE] = this
  }

  /** A log that prints a request comes upon its scope, and behind it upon keys and secrets (T27). */
  [Symbol.for('nodejs.util.inspect.custom')](): string {
    return `[sojourn: ${this.site.engine.name}]`
  }

  /** Whether the response has been made, so that nothing more of this scope reaches the visitor. */
  get finished(): boolean {
    return this.#finished
  }

  /**
   * Whether a header names the session that no browser sends by itself. No page of another site can be behind such a request, and whoever sends
   * it keeps no cookies.
   */
  get byHeader(): boolean {
    return this.#byHeader
  }

  /** Takes the session that a header of the request names. */
  named(key: string): void {
    this.#byHeader = true
    this.state.key = key
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

  /** Before the handler, where nothing lies between the two moments of it. An answer given here is sent instead of the handler's. */
  begin(): MaybePromise<PlainResponse | undefined> {
    return chain(this.processRequest(), (answer) => answer ?? this.processView())
  }

  /**
   * Before anything looks at the request: refuses a host that `allowedHosts` does not name (`DisallowedHost`), reads the session cookie,
   * fetches what an asynchronous engine holds, lets the parts begin. Django's moment of the same name.
   */
  processRequest(): MaybePromise<PlainResponse | undefined> {
    return chain(this.look(), () => this.#beginParts())
  }

  /** What no part has to let pass: the cookie is read, and what an asynchronous engine holds is fetched. Throws `DisallowedHost`. */
  look(): MaybePromise<void> {
    this.identify()
    const { state, site } = this
    const { sessionPrefetch } = site.settings
    if (site.engine.synchronous || state.key === null || sessionPrefetch === false) return
    if (sessionPrefetch !== true && !sessionPrefetch(this.request)) return
    this.#prefetched = true
    return commit.preload(state)
  }

  /** Only reads which session is meant: for whoever fetches it when it is asked for. Throws `DisallowedHost`. */
  identify(): void {
    this.refuseHost()
    const cookie = readSessionCookie(this.head.header('cookie'), this.site.settings, this.site, this.request)
    if (cookie === undefined) return
    this.#given = cookie
    this.state.key = this.site.store.keyOf(cookie)
  }

  /** Before anything is looked up: a name that leads here by somebody else's will has no visitors of ours (DNS rebinding, T44). Throws `DisallowedHost`. */
  refuseHost(): void {
    if (this.site.settings.allowedHosts.length > 0) getHost(this.head, this.site.settings)
  }

  /** Right before the handler, when whatever parses bodies has done so: the parts say who may not pass. Once, however often it is called. */
  processView(): MaybePromise<PlainResponse | undefined> {
    if (this.#viewed) return undefined
    this.#viewed = true
    return this.#viewParts()
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

  #viewParts(from = 0): MaybePromise<PlainResponse | undefined> {
    const { viewing } = this.site
    for (let i = from; i < viewing.length; i++) {
      const answer = (viewing[i] as Part).view?.(this)
      if (isPromise(answer)) return answer.then((given) => given ?? this.#viewParts(i + 1))
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

  /** No response follows by which a cookie could reach the visitor: the session can only be read. */
  onlyRead(): void {
    this.tooLate()
    this.state.readOnly = true
  }

  /** What a part, or a guest, keeps for this request, made at the first call; it then takes part in finishing. */
  keep<T>(keeper: Keeper, make: () => T): T {
    const known = this.#kept?.get(keeper)
    if (known !== undefined) return known as T
    const made = make()
    this.#kept ??= new Map()
    this.#kept.set(keeper, made)
    return made
  }

  /** What a part, or a guest, keeps for this request, if it does. */
  kept<T>(keeper: Keeper): T | undefined {
    return this.#kept?.get(keeper) as T | undefined
  }

  /** A user is logging in: forms' tokens are renewed. */
  loggedIn(): void {
    for (const part of this.site.parts) part.loggedIn?.(this)
  }

  /**
   * Before the first byte of the response: what was begun is awaited, the parts finish, the session is stored, the headers are set. Throws
   * what must become an error response; then nothing of the handler's response may leave. Whoever asks again meanwhile, since another answer is
   * to leave, waits as well.
   */
  finish(given: ResponseHead): MaybePromise<void> {
    if (this.#dropped) return this.#tellLate(given)
    if (this.#finished) return this.#finishing
    this.#finished = true
    this.state.held = true
    const finishing = this.#finishAll(this.#byHeader ? new WithoutCookies(given) : given)
    if (!isPromise(finishing)) return
    this.#finishing = this.#until(finishing)
    return this.#finishing
  }

  async #until(finishing: Promise<void>): Promise<void> {
    try {
      await finishing
    } finally {
      this.#finishing = undefined
    }
  }

  #finishAll(response: ResponseHead): MaybePromise<void> {
    if (this.#kept === null && !commit.isPending(this.state)) return this.#finishSession(response)
    return chain(commit.settlePending(this.state), () =>
      chain(this.#finishParts(response), () => this.#finishSession(response)),
    )
  }

  /** After `finish` has failed: a key that changed is stored already, so the visitor is told of it with the error. */
  salvage(response: ResponseHead): void {
    this.state.held = false
    // What is in a cookie, and is over, stays what it is as long as the cookie does.
    if (this.state.endedElsewhere && this.site.engine.stateless && this.#given !== undefined) {
      vary(response)
      response.append('Set-Cookie', this.site.sessionCookie.deletion())
      keepPrivate(response)
    }
    if (!this.state.cycled || this.state.key === null || this.#byHeader) return
    vary(response)
    this.#sendCookie(response)
  }

  /** `finish` has failed where the answer that is given instead has still to be made: its own `finish` salvages, and does no more. */
  drop(): void {
    this.#dropped = true
  }

  #tellLate(response: ResponseHead): void {
    this.#dropped = false
    this.salvage(response)
  }

  #finishParts(response: ResponseHead, from = 0): MaybePromise<void> {
    const { parts } = this.site
    for (let i = from; i < parts.length; i++) {
      const part = parts[i] as Part
      const done = this.#kept?.has(part) ? part.finish?.(this, response) : undefined
      if (isPromise(done)) return done.then(() => this.#finishParts(response, i + 1))
    }
    return this.#finishGuests(response)
  }

  /** Those that keep something for this request and are no part of the site. */
  #finishGuests(response: ResponseHead): MaybePromise<void> {
    const parts: readonly Keeper[] = this.site.parts
    const guests = [...(this.#kept?.keys() ?? [])].filter((each) => !parts.includes(each))
    return inOrder(guests.map((guest) => () => guest.finish?.(this, response)))
  }

  #finishSession(response: ResponseHead): MaybePromise<void> {
    const { state } = this
    if (state.phase === 'loaded') state.noticeNested()
    const decision = this.#decide(response.status)
    if (decision.action !== 'none' && this.head.gathering !== true) {
      const { settings } = this.site
      refuseOther(response, settings, this.#given, state.key)
    }
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
      cookieSent: this.#given !== undefined && !(empty && this.#mayBeOutrun()),
      empty,
      accessed: state.accessed,
      modified: state.modified || every === 'django',
      cycled: state.cycled,
      touchDue: every === true || this.#touchDue(),
      status,
    })
  }

  /**
   * Whether a cookie that names no session may be older than the one that the browser has by now: it was sent along with an image or a script just
   * before a login was answered, and taking it away would take the new one. A page that is opened takes a dead one away.
   */
  #mayBeOutrun(): boolean {
    const mode = this.head.header('sec-fetch-mode')
    return this.state.generation === 0 && mode !== undefined && mode !== 'navigate'
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
    return isUnnoted(state) ? this.#note() : false
  }

  /** Tells what stands beside the session of a key that Django made. Nothing that the visitor should hear of, if it fails: the next request tries again. */
  #note(): MaybePromise<false> {
    return orElse(
      () => chain(note(this.state), () => false as const),
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
  if (scope === undefined) throw new NoScope(notTheRequest(request))
  return scope
}

/** What to say of a first argument that is something else; `undefined` for what may be a request. Shows nothing of it. */
function notTheRequest(given: unknown): string | undefined {
  const what = whatElse(given)
  if (what === undefined) return undefined
  const mayBeGuard = given === undefined || what === OPTIONS
  const hint = mayBeGuard
    ? " If this is a guard, pass it itself: app.get('/account', loginRequired, handler) and not loginRequired()."
    : ''
  return `The first argument is the request; it was ${what}.${hint}`
}

const OPTIONS = 'a plain object'

function whatElse(given: unknown): string | undefined {
  if (given === undefined || given === null) return String(given)
  if (typeof given === 'function') return 'a function'
  if (typeof given !== 'object') return `a ${typeof given === 'string' ? 'text' : typeof given}`
  if (isSession(given)) return 'a session'
  if ('username' in given && !('headers' in given)) return 'a user'
  const names = isPlainObject(given) ? Object.keys(given) : []
  return names.length > 0 && !names.some((name) => REQUEST_KEYS.includes(name)) ? OPTIONS : undefined
}

/** One of these has whatever a framework, or a test, calls a request. */
const REQUEST_KEYS: readonly string[] = ['headers', 'method', 'url', 'req', 'raw', 'request', 'node', 'socket']

/** A scope is on the request itself, or on the raw request that a framework's context wraps. */
export function findScope(request: object): Scope | undefined {
  // A session is asked for none of its keys: that would be a look at it.
  if (typeof request !== 'object' || request === null || isSession(request)) return undefined
  const wrapped = request as Carrier & { readonly raw?: Carrier; readonly req?: Carrier; readonly request?: Carrier }
  return wrapped[SCOPE] ?? wrapped.raw?.[SCOPE] ?? wrapped.req?.[SCOPE] ?? wrapped.request?.[SCOPE]
}
