import { isPromise } from '../core/maybe.js'
import type { Part } from '../core/part.js'
import type { Scope } from '../core/scope.js'
import type { ResolvedSettings } from '../core/settings.js'
import type { Site } from '../core/site.js'
import type { MaybePromise } from '../core/types.js'
import type { Database } from '../databases/database.js'
import { ImproperlyConfigured, TooManySessions } from '../errors.js'
import { ModelBackend } from './model-backend.js'
import { followRemoteUser, RemoteUserBackend } from './remote-user.js'
import { SessionHash } from './session-hash.js'
import type { User, UserBackend } from './user.js'

export { authTables } from './schema.js'

/** What is known of one request's user. */
class Visitor {
  /** What the session's `_auth_user_id` was when the user was looked up: another one, or none, and the answer is stale. */
  id: string | null = null
  user: MaybePromise<User | null> = null
  /** What this user may do, once somebody has asked. */
  permissions: { readonly of: User; readonly all: MaybePromise<ReadonlySet<string>> } | null = null
  /** What was begun and the response has to wait for. */
  pending: Promise<unknown> | null = null

  found(id: string, user: MaybePromise<User | null>): void {
    this.id = id
    this.user = user
  }
}

/** Login as a part of a site: its backends, its session hashes, and each request's user. */
export class AuthPart implements Part {
  readonly name = 'auth'
  readonly hashes: SessionHash
  /** The users of the site's own table, whether or not they may log in by password. */
  readonly users: ModelBackend
  /** Who may log somebody in, by path, in order. */
  readonly backends: ReadonlyMap<string, UserBackend>
  /** Whether a login counts as one over several sites from its beginning, so that whoever ends all of a user's finds it. */
  linksLogins = false
  /** Paths that lead on to a login page elsewhere, and straight back whoever is logged in there. */
  readonly delegated = new Set<string>()
  readonly begin?: NonNullable<Part['begin']>

  constructor(settings: ResolvedSettings, database: Database) {
    this.hashes = new SessionHash(settings)
    this.users = new ModelBackend(database, settings)
    const backends = settings.authenticationBackends.map((given) => backendOf(given, this.users))
    this.backends = new Map(backends.map((backend) => [backend.path, backend]))
    const { remoteUserHeader } = settings
    if (remoteUserHeader === null) return
    if (!backends.some((backend) => backend instanceof RemoteUserBackend)) {
      throw new ImproperlyConfigured(
        "remoteUserHeader is set, but nobody takes the name: add 'django.contrib.auth.backends.RemoteUserBackend' to authenticationBackends.",
      )
    }
    this.begin = (scope) => followRemoteUser(scope, remoteUserHeader, this.backends)
  }

  visitor(scope: Scope): Visitor {
    return scope.keep(this, () => new Visitor())
  }

  /** The response waits for this, even if the handler does not. */
  await<T>(scope: Scope, begun: MaybePromise<T>): MaybePromise<T> {
    if (!isPromise(begun)) return begun
    begun.catch(() => undefined)
    const visitor = this.visitor(scope)
    const before = visitor.pending
    // A login that was refused is its caller's to tell the visitor of, as a wrong password is.
    const heard = begun.catch((error: unknown) => {
      if (!(error instanceof TooManySessions)) throw error
    })
    visitor.pending = before === null ? heard : before.then(() => heard)
    visitor.pending.catch(() => undefined)
    return begun
  }

  async finish(scope: Scope): Promise<void> {
    await this.visitor(scope).pending
  }
}

const PATHS: Readonly<Record<string, (users: ModelBackend) => UserBackend>> = {
  'django.contrib.auth.backends.ModelBackend': (users) => users,
  'django.contrib.auth.backends.RemoteUserBackend': (users) => new RemoteUserBackend(users),
}

function backendOf(given: ResolvedSettings['authenticationBackends'][number], users: ModelBackend): UserBackend {
  if (typeof given === 'object') return given as UserBackend
  if (Object.hasOwn(PATHS, given)) return (PATHS[given] as (users: ModelBackend) => UserBackend)(users)
  throw new ImproperlyConfigured(
    `authenticationBackends names '${given}', which sojourn has not: give an object with that path instead, or one of ${Object.keys(PATHS).join(', ')}.`,
  )
}

/** Makes the part of a site. */
export function authPart(settings: ResolvedSettings, database: Database): Part {
  return new AuthPart(settings, database)
}

/** The users of a site's own table: to make them, find them and give them passwords. */
export function userBackend(site: Site): ModelBackend {
  return site.part<AuthPart>('auth').users
}
