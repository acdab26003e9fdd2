import { findScope, type Scope } from '../core/scope.js'
import { ImproperlyConfigured } from '../errors.js'

const REMEDY =
  'Something else has put `session` on the request or the app (express-session? cookie-session? koa-session?): keep one of the two. To end a session, call `flush()`.'

export function notOurs(): ImproperlyConfigured {
  return new ImproperlyConfigured(REMEDY)
}

/** Before ours is put on the request: another library that came first works with what it finds there, and would wait for ever for a `save` of its own. */
export function refuseOthers(request: object): void {
  const there = sessionOn(request)
  if (there !== undefined && there !== findScope(request)?.session) throw notOurs()
}

/** The same for what is put on all contexts of an app at once, as koa-session does. */
export function refuseInherited(context: object): void {
  if ('session' in Object.getPrototypeOf(context)) throw notOurs()
}

/**
 * Before the response leaves: what the page said to another library's session would be lost, and one that it takes for ended (`ctx.session =
 * null`) would go on. `there` is what stands where the framework keeps ours. Only for requests that still carry ours.
 */
export function isReplaced(scope: Scope, request: object, there: unknown): boolean {
  return there !== scope.session && findScope(request) === scope
}

/** The same for what the framework itself calls the request. */
export function refuseReplaced(scope: Scope): void {
  if (isReplaced(scope, scope.request, sessionOn(scope.request))) throw notOurs()
}

/** The same for any other object of a framework's. It holds ours again by then, for whatever error page comes now. */
export function refuseReplacedOn(holder: { session: unknown }, scope: Scope, request: object): void {
  if (!isReplaced(scope, request, holder.session)) return
  holder.session = scope.session
  throw notOurs()
}

/** Whatever is there by that name: only some of the adapters that come here type it. */
function sessionOn(request: object): unknown {
  return (request as { readonly session?: unknown }).session
}
