import { findScope, type Scope } from '../../core/scope.js'
import { ImproperlyConfigured } from '../../errors.js'

const REMEDY =
  'Something else has put `session` on the request or the app (express-session? cookie-session? koa-session?): keep one of the two. To end a session, call `flush()`.'

/** Before ours is put on the request: another library that came first works with what it finds there, and would wait for ever for a `save` of its own. */
export function refuseOthers(request: object): void {
  const there = sessionOn(request)
  if (there !== undefined && there !== findScope(request)?.session) throw new ImproperlyConfigured(REMEDY)
}

/** The same for what is put on all contexts of an app at once, as koa-session does. */
export function refuseInherited(context: object): void {
  if ('session' in Object.getPrototypeOf(context)) throw new ImproperlyConfigured(REMEDY)
}

/** Before the response leaves: what the page said to another library's session would be lost. Only for requests that carry ours. */
export function refuseReplaced(request: object | undefined, scope: Scope): void {
  if (request === undefined || scope.request !== request || findScope(request) !== scope) return
  if (sessionOn(request) !== scope.session) throw new ImproperlyConfigured(REMEDY)
}

/** Whatever is there by that name: only some of the adapters that come here type it. */
function sessionOn(request: object): unknown {
  return (request as { readonly session?: unknown }).session
}
