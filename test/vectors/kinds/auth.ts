import { checkPassword } from '../../../src/auth/hashers/index.js'
import { getUser, login, logout, updateSessionAuthHash } from '../../../src/auth/index.js'
import { type AuthPart, authPart } from '../../../src/auth/part.js'
import { getSessionAuthHash } from '../../../src/auth/session-hash.js'
import type { User, UserBackend } from '../../../src/auth/user.js'
import { stateOf } from '../../../src/core/dictionary.js'
import { Scope } from '../../../src/core/scope.js'
import { settingsTable } from '../../../src/core/settings.js'
import { resolveSettings } from '../../../src/core/settings-input.js'
import { joinObject } from '../../../src/wire/json.js'
import { bareSite, requestHead, SECRET, sqliteEngine } from '../../support/sites.js'
import { all, type Check, check, same } from '../runner.js'

const MODEL_BACKEND = 'django.contrib.auth.backends.ModelBackend'
/** What the Django of the vectors had in `PASSWORD_HASHERS`: its default, and what is for reading. */
const HASHERS = [...settingsTable.passwordHashers.default, 'bcrypt', 'md5'] as const

type Data = Readonly<Record<string, unknown>>

interface VectorUser {
  readonly pk: string
  readonly password_field: string
  readonly is_active?: boolean
}

function userOf({ pk, password_field, is_active = true }: VectorUser): User {
  return { id: pk, username: `user ${pk}`, password: password_field, isActive: is_active }
}

/** A request that comes with a session which holds this, on a site that has these users. */
async function requestWith(
  before: Data | null,
  input: {
    readonly users?: readonly VectorUser[]
    readonly secret?: string
    readonly fallbacks?: readonly string[]
  } = {},
) {
  const users = (input.users ?? []).map(userOf)
  const backend: UserBackend = {
    path: MODEL_BACKEND,
    authenticate: () => null,
    getUser: (id) => users.find((user) => user.id === id && user.isActive) ?? null,
  }
  const { engine, database } = sqliteEngine({})
  const secretKey = input.secret ?? SECRET
  const given = { secretKey, secretKeyFallbacks: input.fallbacks ?? [], authenticationBackends: [backend] }
  let rotated = false
  const token = { name: 'csrf' as const, loggedIn: () => void (rotated = true) }
  const site = bareSite({ ...given, engine, parts: [token, authPart(resolveSettings(given), database)] })
  const stored = site.sessions.open()
  if (before !== null) {
    for (const [key, value] of Object.entries(before)) stateOf(stored).put(key, value)
    await stored.save()
  }
  const was = stored.sessionKey
  const request = {}
  const head = requestHead(was === null ? {} : { cookie: `sessionid=${was}` })
  const scope = Scope.open(site, request, head)
  await scope.begin()
  return {
    request,
    scope,
    state: scope.state,
    after: () => ({
      json: joinObject(scope.state.cells()),
      key_changed: scope.state.key !== was,
      has_key: scope.state.key !== null,
      old_row_exists: was !== null && engine.exists(was),
      csrf_rotated: rotated,
    }),
  }
}

type After = Awaited<ReturnType<Awaited<ReturnType<typeof requestWith>>['after']>>

export const auth: Readonly<Record<string, Check>> = {
  password: check<{ password: string | null; encoded: string }, { correct: boolean | 'ValueError' }>(
    async ({ password, encoded }, { correct }) => {
      // Django raises over a hash that is cut off; here it is a wrong password.
      return same(correct === true, await checkPassword(password, encoded, { hashers: HASHERS, iterations: 1 }))
    },
  ),

  password_defaults: check<unknown, { pbkdf2_iterations: number; preferred: string }>(
    (_, { pbkdf2_iterations, preferred }) =>
      all(
        same(pbkdf2_iterations, settingsTable.pbkdf2Iterations.default),
        same([preferred, settingsTable.passwordHashers.default[0]], ['PBKDF2PasswordHasher', 'pbkdf2_sha256']),
      ),
  ),

  session_auth_hash: check<{ password_field: string; secret: string }, { hash: string }>(
    ({ password_field, secret }, { hash }) => same(hash, getSessionAuthHash({ password: password_field }, secret)),
  ),

  login: check<{ secret: string; before: Data | null; user: VectorUser; backend: string }, After>(
    async ({ secret, before, user, backend }, expected) => {
      const { request, after } = await requestWith(before, { secret })
      await login(request, userOf(user), backend)
      // A login always changes the key, where Django leaves the same user the old one (session fixation, ASVS 7.2.4).
      return same({ ...expected, key_changed: true, old_row_exists: false }, after())
    },
  ),

  logout: check<{ before: Data }, Pick<After, 'json' | 'old_row_exists'> & { session_key: null; is_empty: boolean }>(
    async ({ before }, expected) => {
      const { request, state, after } = await requestWith(before)
      await logout(request)
      const { json, old_row_exists } = after()
      return same(expected, { json, session_key: state.key, is_empty: state.isEmpty(), old_row_exists })
    },
  ),

  get_user: check<
    { before: Data; secret: string; fallbacks: readonly string[]; users: readonly VectorUser[] },
    Pick<After, 'json' | 'key_changed' | 'has_key'> & { user_pk: string | null }
  >(async ({ before, ...site }, expected) => {
    const { request, after } = await requestWith(before, site)
    const user = await getUser(request)
    const { json, key_changed, has_key } = after()
    return same(expected, { user_pk: user?.id ?? null, json, key_changed, has_key })
  }),

  update_session_auth_hash: check<
    { before: Data; secret: string; user: VectorUser },
    Pick<After, 'json' | 'key_changed' | 'old_row_exists'>
  >(async ({ before, secret, user }, expected) => {
    const { request, scope, after } = await requestWith(before, { secret })
    // The case sets `request.user` by hand: the old password, by which it would be found, is not in it.
    scope.site.part<AuthPart>('auth').visitor(scope).found(user.pk, userOf(user))
    await updateSessionAuthHash(request, userOf(user))
    const { json, key_changed, old_row_exists } = after()
    return same(expected, { json, key_changed, old_row_exists })
  }),
}
