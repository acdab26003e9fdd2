import { chain, isPromise, orElse } from '../core/maybe.js'
import { type Scope, scopeOf } from '../core/scope.js'
import type { MaybePromise } from '../core/types.js'
import { getScopeUser } from './get-user.js'
import type { AuthPart } from './part.js'
import type { User } from './user.js'

const NONE: ReadonlySet<string> = new Set()

/**
 * All that the user of this request may do, each as `app_label.codename`, by all backends; nothing for nobody. Read from Django's tables, once in a
 * request. A superuser may do everything, whatever is in here. Mirrors `user.get_all_permissions()`. Throws
 * `StoreUnavailable`, also where the tables are not there: they are made by Django's own `migrate`.
 *
 * @example
 * ```ts
 * import express from 'express'
 * import { getAllPermissions, sojourn } from 'sojourn/express'
 *
 * const app = express()
 * app.use(sojourn({ secretKey: 'a long random text' }))
 * app.get('/mine', async (req, res) => {
 *   res.json([...(await getAllPermissions(req))]) // ["shop.change_order", "shop.view_order"]
 * })
 * ```
 */
export function getAllPermissions(request: object): MaybePromise<ReadonlySet<string>> {
  const scope = scopeOf(request)
  return chain(getScopeUser(scope), (user) => (user?.isActive ? permissionsOf(scope, user) : NONE))
}

/**
 * Whether the user of this request may do this, or all of these: `'shop.change_order'`. Nobody may do anything, a superuser everything. Mirrors
 * `user.has_perm` and `has_perms`; throws as `getAllPermissions` does.
 *
 * @example
 * ```ts
 * import express from 'express'
 * import { hasPerm, sojourn } from 'sojourn/express'
 *
 * const app = express()
 * app.use(sojourn({ secretKey: 'a long random text' }))
 * app.get('/order', async (req, res) => {
 *   res.send((await hasPerm(req, 'shop.change_order')) ? '<button>Change</button>' : 'To look at only')
 * })
 * ```
 */
export function hasPerm(request: object, permission: string | readonly string[]): MaybePromise<boolean> {
  const scope = scopeOf(request)
  return chain(getScopeUser(scope), (user) => userHasPerm(scope, user, permission))
}

export function userHasPerm(
  scope: Scope,
  user: User | null,
  permission: string | readonly string[],
): MaybePromise<boolean> {
  if (user === null || !user.isActive) return false
  if (user.isSuperuser === true) return true
  const wanted = typeof permission === 'string' ? [permission] : permission
  return chain(permissionsOf(scope, user), (all) => wanted.every((each) => all.has(each)))
}

/** Asked once in a request. */
function permissionsOf(scope: Scope, user: User): MaybePromise<ReadonlySet<string>> {
  const part = scope.site.part<AuthPart>('auth')
  const visitor = part.visitor(scope)
  if (visitor.permissions?.of === user) return visitor.permissions.all
  // One that throws at once must not leave another's failure unheard.
  const each = [...part.backends.values()].map((backend) =>
    orElse(
      () => backend.getAllPermissions?.(user) ?? NONE,
      (error) => Promise.reject(error),
    ),
  )
  const all = each.some(isPromise) ? Promise.all(each).then(union) : union(each as readonly ReadonlySet<string>[])
  visitor.permissions = { of: user, all }
  // Who asks again after a failure asks the backends.
  if (isPromise(all)) all.catch(() => (visitor.permissions = null))
  return all
}

function union(sets: readonly ReadonlySet<string>[]): ReadonlySet<string> {
  return sets.length === 1 ? (sets[0] as ReadonlySet<string>) : new Set(sets.flatMap((set) => [...set]))
}
