/**
 * Every error sojourn throws. One base class, a stable `code` to switch on, and an HTTP `status` where one fits.
 * No message ever holds a secret, a session key or session contents.
 */

export type ErrorCode =
  | 'improperly_configured'
  | 'bad_signature'
  | 'signature_expired'
  | 'session_interrupted'
  | 'session_not_loaded'
  | 'session_sealed'
  | 'session_read_only'
  | 'session_conflict'
  | 'nested_transact'
  | 'session_too_large'
  | 'session_value'
  | 'session_schema_mismatch'
  | 'pickle_refused'
  | 'reserved_name'
  | 'store_unavailable'
  | 'cookie_invalid'
  | 'cookie_too_large'
  | 'csrf_failed'
  | 'body_not_parsed'
  | 'disallowed_host'
  | 'permission_denied'
  | 'username_taken'
  | 'too_many_sessions'
  | 'login_throttled'
  | 'no_scope'
  | 'message_failure'

/** The base of all of them: `error instanceof SojournError`, then `switch (error.code)`. */
export class SojournError extends Error {
  readonly code: ErrorCode
  /** The HTTP status that an adapter answers with; 500 where nothing else fits. */
  readonly status: number = 500

  constructor(code: ErrorCode, message: string, options?: { cause?: unknown }) {
    super(message, options)
    this.code = code
    this.name = new.target.name
  }

  /** Whether the message is for the visitor too. Koa asks for it, and keeps such errors out of its log. */
  get expose(): boolean {
    return this.status < 500
  }

  /** The plain answer that stands for it. Hono asks for one where an app has no `onError`. */
  getResponse(): Response {
    const { headers } = this as { readonly headers?: Readonly<Record<string, string>> }
    const text = this.status === 503 ? 'Service Unavailable' : 'Internal Server Error'
    return new Response(this.expose ? this.message : text, { status: this.status, headers })
  }

  /** The same for Elysia, which asks for it by this name; its `onError` may answer otherwise. */
  toResponse(): Response {
    return this.getResponse()
  }
}

/** A setting is missing, unknown or wrong. Django's `ImproperlyConfigured`. */
export class ImproperlyConfigured extends SojournError {
  constructor(message: string, options?: { cause?: unknown }) {
    super('improperly_configured', message, options)
  }
}

/** A signed text was not signed by us, or was changed since. Django's `signing.BadSignature`. */
export class BadSignature extends SojournError {
  constructor(message: string, code: 'bad_signature' | 'signature_expired' = 'bad_signature') {
    super(code, message)
  }
}

/** A signed text is older than `maxAge`. Django's `signing.SignatureExpired`. */
export class SignatureExpired extends BadSignature {
  constructor(message: string) {
    super(message, 'signature_expired')
  }
}

/**
 * The session was deleted (logged out, flushed, expired) while this request was running, so its changes were not
 * kept. Django's `SessionInterrupted`, a 400.
 */
export class SessionInterrupted extends SojournError {
  override readonly status = 400
  constructor() {
    super(
      'session_interrupted',
      "The request's session was deleted before the request completed. The user may have logged out in a concurrent request, for example.",
    )
  }
}

/** The session was touched before it was loaded, on an engine that cannot load at once. */
export class SessionNotLoaded extends SojournError {
  constructor() {
    super(
      'session_not_loaded',
      'This session is not loaded yet and its engine is asynchronous: use `const session = await getSession(request)` (or `await session.load()`) first, or let sessionPrefetch load it before the handler.',
    )
  }
}

/** The session was changed after the head of the response had left, too late for the end-of-request save. */
export class SessionSealed extends SojournError {
  constructor(
    message = 'The response has begun, so a change of the session would be lost. Change it before the first byte, or use `await session.transact(fn)`, which saves at once.',
    code: 'session_sealed' | 'session_read_only' = 'session_sealed',
  ) {
    super(code, message)
  }
}

/**
 * The session was changed, or a token was asked for that needs a new cookie, where no cookie can be set: in a server component of Next.js, in a
 * page that SvelteKit prerenders.
 */
export class SessionReadOnly extends SessionSealed {
  constructor() {
    super(
      'No cookie can be set while this page is made, so its session can only be read. In Next.js change it in a server action (`action`), a route handler (`withSession`) or proxy.ts (`proxy`, which also gives visitors the cookie that the token of a form needs); in SvelteKit such a page must not be prerendered. Behind a WebSocket, `site.sessions.open(session.sessionKey)` gives one that `save()` stores.',
      'session_read_only',
    )
  }
}

/** Other writers changed the session again and again while this one tried to save. A 409. */
export class SessionConflict extends SojournError {
  override readonly status = 409
  constructor(tries: number) {
    super(
      'session_conflict',
      `The session was changed by others in each of ${tries} tries to save it; nothing was saved.`,
    )
  }
}

/** `transact` was called within the function of another `transact` of the same session, or waited 10 s for one to end. */
export class NestedTransact extends SojournError {
  constructor() {
    super(
      'nested_transact',
      'transact was called within transact of the same session, or waited 10 s for another one: change the session that the function is given, and let it end soon.',
    )
  }
}

/** The session holds more than `sessionMaxBytes`, or nests deeper than a session may. */
export class SessionTooLarge extends SojournError {
  constructor(message: string) {
    super('session_too_large', message)
  }
}

/** A value that JSON cannot hold (a function, a Map, a circular object) was put into a session or signed. */
export class SessionValueError extends SojournError {
  constructor(message: string) {
    super('session_value', message)
  }
}

/** What a schema has against a value, in its own words. */
export interface SchemaIssue {
  /** May hold the value: keep it out of logs. */
  readonly message: string
  /** Where, from the session's key on. */
  readonly path?: readonly (PropertyKey | { readonly key: PropertyKey })[] | undefined
}

/** A value was put into a session that `sessionSchema` does not take. Nothing of it is stored. */
export class SessionSchemaMismatch extends SojournError {
  readonly #issues: readonly SchemaIssue[]

  constructor(name: string, issues: readonly SchemaIssue[]) {
    super(
      'session_schema_mismatch',
      `What was put under '${name}' in the session does not fit sessionSchema, and is not kept. The error's issues say why.`,
    )
    this.#issues = issues
  }

  /** What is wrong, in the schema's words. Private, for they may hold the value, and whoever prints an error prints what hangs on it. */
  get issues(): readonly SchemaIssue[] {
    return this.#issues
  }
}

/**
 * A Python pickle holds more than plain data: an object, a class, bytes, a set, a date. Nothing of it was made or called, and what is
 * stored stays as it is.
 */
export class PickleRefused extends SojournError {
  /** `what`: the kind of thing that was met; never a name or a value out of the pickle. */
  constructor(what: string) {
    super(
      'pickle_refused',
      `A pickled session holds ${what}; it was not opened and is left as it is. sojourn reads plain data: text, numbers, booleans, None, lists, tuples and dicts. Keep other things out of the session, or let Django use its db engine, whose JSON refuses them too.`,
    )
  }
}

/** A name was assigned as a property, or a key set, that belongs to sojourn. */
export class ReservedName extends SojournError {
  constructor(message: string) {
    super('reserved_name', message)
  }
}

/** The store failed or did not answer in time. A 503 with `Retry-After`; the visitor's cookie is left as it is. */
export class StoreUnavailable extends SojournError {
  override readonly status = 503
  /** Header lines an error handler should send with the status (finalhandler, Koa and h3 read this name). */
  readonly headers = { 'Retry-After': '1' }
  constructor(message: string, options?: { cause?: unknown }) {
    super('store_unavailable', message, options)
  }
}

/** A cookie's name, value or attribute holds a byte that a header may not carry, or breaks its prefix's rules. */
export class CookieError extends SojournError {
  constructor(message: string, code: 'cookie_invalid' | 'cookie_too_large' = 'cookie_invalid') {
    super(code, message)
  }
}

/** A cookie is over the 4,096 bytes browsers keep. The cookie the visitor has is left as it is. */
export class CookieTooLarge extends CookieError {
  constructor(message: string) {
    super(message, 'cookie_too_large')
  }
}

/** A form came without a good token, or from a foreign origin. `reason` is Django's text. A 403. */
export class CsrfFailed extends SojournError {
  override readonly status = 403
  readonly reason: string
  constructor(reason: string) {
    super('csrf_failed', `CSRF verification failed: ${reason}`)
    this.reason = reason
  }
}

/** A form's body was needed and nobody parsed it. */
export class BodyNotParsed extends SojournError {
  override readonly status = 400
  constructor(message: string, options?: { cause?: unknown }) {
    super('body_not_parsed', message, options)
  }
}

/** The Host header names a host that `allowedHosts` does not. Django's `DisallowedHost`, a 400. */
export class DisallowedHost extends SojournError {
  override readonly status = 400
  /** @param host as the request has it, for the message */
  constructor(host?: string) {
    const named = host === undefined || !/^[a-z0-9.:[\]-]{1,100}$/i.test(host) ? '' : ` '${host}'`
    super('disallowed_host', `The Host header names a host${named} that is not in allowedHosts.`)
  }
}

/** The user may not do this. Django's `PermissionDenied`, a 403. */
export class PermissionDenied extends SojournError {
  override readonly status = 403
  constructor(message = 'Permission denied.') {
    super('permission_denied', message)
  }
}

/** A user was to be made under a name that somebody has. A 409. */
export class UsernameTaken extends SojournError {
  override readonly status = 409
  constructor() {
    super('username_taken', 'A user with that username already exists.')
  }
}

/** The user is logged in as often as `maxSessionsPerUser` allows, and `'reject'` keeps those; the new login is undone. A 403. */
export class TooManySessions extends SojournError {
  override readonly status = 403
  constructor(limit: number) {
    super('too_many_sessions', `This user is logged in ${limit} times already, and may not be more often.`)
  }
}

/** Too many passwords were tried; `retryAfter` seconds from now another may be. A 429 with `Retry-After`. */
export class LoginThrottled extends SojournError {
  override readonly status = 429
  readonly retryAfter: number
  readonly headers: Readonly<Record<string, string>>
  constructor(retryAfter: number) {
    const seconds = Math.max(1, Math.ceil(retryAfter))
    super('login_throttled', `Too many logins were tried; wait ${seconds} s.`)
    this.retryAfter = seconds
    this.headers = { 'Retry-After': String(seconds) }
  }
}

/** A function was given a request that went through no sojourn middleware, or something else where the request belongs. */
export class NoScope extends SojournError {
  constructor(message?: string) {
    super(
      'no_scope',
      message ??
        'This request has no sojourn scope: mount the middleware that `sojourn(settings)` returns before the handler that uses it, or for a WebSocket ask checkUpgrade of sojourn/ws first.',
    )
  }
}

/** A message was added where messages are switched off. Django's `MessageFailure`. */
export class MessageFailure extends SojournError {
  constructor() {
    super('message_failure', "You cannot add messages without 'messages' in the middleware setting.")
  }
}
