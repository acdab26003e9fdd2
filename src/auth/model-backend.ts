import { chain, isPromise } from '../core/maybe.js'
import { isMissingTable, MIGRATE } from '../core/missing-tables.js'
import type { ResolvedSettings } from '../core/settings.js'
import type { MaybePromise } from '../core/types.js'
import { type Database, type Dialect, insertNew, type Row, type Statement, type Value } from '../databases/database.js'
import { ImproperlyConfigured, SojournError, StoreUnavailable, UsernameTaken } from '../errors.js'
import { randomString } from '../wire/crypto.js'
import {
  checkPassword,
  makePassword,
  mustUpgradePassword,
  type PasswordRules,
  spendTime,
  unusablePassword,
} from './hashers/index.js'
import { ModelPermissions } from './model-permissions.js'
import { ModelUser } from './model-user.js'
import type { Credentials, User, UserBackend } from './user.js'

/** What a new user may be given besides name and password. */
export interface UserFields {
  readonly email?: string
  readonly firstName?: string
  readonly lastName?: string
  readonly isActive?: boolean
  readonly isStaff?: boolean
  readonly isSuperuser?: boolean
}

type Rules = Pick<
  ResolvedSettings,
  'authUserModel' | 'passwordHashers' | 'passwordUpgrade' | 'pbkdf2Iterations' | 'random' | 'clock'
>

/** All columns: another user model's table has others, and every one we know has its place in `ModelUser`. */
const SQL = {
  byId: (table: string) => `SELECT * FROM ${table} WHERE id = ?1`,
  byName: (table: string) => `SELECT * FROM ${table} WHERE username = ?1`,
  setPassword: (table: string) => `UPDATE ${table} SET password = ?1 WHERE id = ?2`,
  replacePassword: (table: string) => `UPDATE ${table} SET password = ?1 WHERE id = ?2 AND password = ?3`,
  setLastLogin: (table: string) => `UPDATE ${table} SET last_login = ?1 WHERE id = ?2`,
  create: (table: string, dialect: Dialect) =>
    insertNew(
      dialect,
      `${table} (username, password, email, first_name, last_name, is_active, is_staff, is_superuser, date_joined)`,
      // A flag is a number or a truth value, as the database has it.
      '(?1, ?2, ?3, ?4, ?5, ?6 = 1, ?7 = 1, ?8 = 1, ?9)',
    ),
} as const

/** A primary key as Django writes it into a session. Anything else names nobody. */
const ID = /^[1-9]\d{0,14}$/

/**
 * Users in the table of Django's user model. Mirrors `django.contrib.auth.backends.ModelBackend`, and the manager's
 * `create_user`. A site has one: `userBackend(site)`. Throws `StoreUnavailable` when the table cannot be reached.
 */
export class ModelBackend implements UserBackend {
  readonly path: string = 'django.contrib.auth.backends.ModelBackend'
  readonly #database: Database
  readonly #table: string
  readonly #clock: () => number
  readonly #passwords: Required<PasswordRules>
  readonly #upgrades: boolean
  readonly #permissions: ModelPermissions
  readonly #statements: Partial<Record<keyof typeof SQL, Statement>> = {}

  constructor(database: Database, settings: Rules) {
    this.#database = database
    this.#table = settings.authUserModel.replace('.', '_').toLowerCase()
    this.#clock = settings.clock
    this.#passwords = {
      hashers: settings.passwordHashers,
      iterations: settings.pbkdf2Iterations,
      random: settings.random ?? randomString,
    }
    this.#upgrades = settings.passwordUpgrade
    this.#permissions = new ModelPermissions(database, this.#table, settings.authUserModel)
  }

  /** The user of this name if the password is right and the user is active. Takes as long for names that nobody has. */
  async authenticate({ username, password }: Credentials): Promise<ModelUser | null> {
    if (typeof username !== 'string' || typeof password !== 'string') return null
    const user = await this.getByUsername(username)
    if (user === null) {
      await spendTime(this.#passwords)
      return null
    }
    if (!(await checkPassword(password, user.password, this.#passwords)) || !user.isActive) return null
    return this.#upgrades && mustUpgradePassword(user.password, this.#passwords) ? this.#upgrade(user, password) : user
  }

  /**
   * A stronger hash of the same password, and the user with it. Where somebody has changed the password meanwhile theirs stays, and the
   * user is the one of before: a login of the old password ends with the next request.
   */
  async #upgrade(user: ModelUser, password: string): Promise<ModelUser> {
    const encoded = await makePassword(password, this.#passwords)
    const rows = await this.#run('replacePassword', encoded, user.id, user.password)
    return rows === 0 ? user : ((await this.#user('byId', user.id)) ?? user)
  }

  /** The permissions of a user, of their own and by their groups: `app_label.codename`. Mirrors `get_all_permissions`. */
  getAllPermissions(user: User): MaybePromise<ReadonlySet<string>> {
    // The number of somebody in another backend's list is nobody's here.
    if (!(user instanceof ModelUser)) return new Set()
    return this.#ask(() => this.#permissions.of(user.id), false)
  }

  /** The active user with this primary key. */
  getUser(id: string): MaybePromise<ModelUser | null> {
    if (!ID.test(id)) return null
    return chain(this.#user('byId', Number(id)), (user) => (user?.isActive ? user : null))
  }

  /** The user of this name, active or not. Mirrors `get_by_natural_key`. */
  getByUsername(username: string): MaybePromise<ModelUser | null> {
    return this.#user('byName', username)
  }

  /**
   * Makes a user. Mirrors `create_user`: the name is normalised (NFKC), the domain of the address becomes lower case, and
   * without a password (`null`) nobody can log in as this user by password. Throws `UsernameTaken`.
   *
   * @example
   * ```ts
   * import { sojourn } from 'sojourn'
   * import { userBackend } from 'sojourn/auth'
   *
   * const site = sojourn({ secretKey: 'a long random text', databases: { default: 'sqlite::memory:' } })
   * await userBackend(site).createUser('ann', 'correct horse', { email: 'ann@example.com' })
   * ```
   */
  async createUser(username: string, password: string | null = null, fields: UserFields = {}): Promise<ModelUser> {
    if (typeof username !== 'string' || username === '') {
      throw new ImproperlyConfigured(
        'createUser needs a username, a text that is not empty: createUser(username, password, { email }).',
      )
    }
    const name = username.normalize('NFKC')
    const encoded = await makePassword(password, this.#passwords)
    if (!(await this.#insert(name, encoded, fields))) throw new UsernameTaken()
    return (await this.getByUsername(name)) as ModelUser
  }

  /** The user of exactly this name, made without a password if there is none. Mirrors `get_or_create`. */
  getOrCreate(username: string): MaybePromise<ModelUser | null> {
    return chain(this.getByUsername(username), (known) => {
      if (known !== null) return known
      // Someone else may make the same user just now; then that one is it.
      const inserted = this.#insert(username, unusablePassword(this.#passwords.random), {})
      return chain(inserted, () => this.getByUsername(username))
    })
  }

  /**
   * Gives a user another password (`null`: none) and returns the user as stored now. All sessions of this user end, but for one
   * that is told: `updateSessionAuthHash(request, user)` with the user returned here. Mirrors `set_password` and `save`.
   */
  async setPassword(user: ModelUser, password: string | null): Promise<ModelUser> {
    const encoded = await makePassword(password, this.#passwords)
    await this.#run('setPassword', encoded, user.id)
    const stored = await this.#user('byId', user.id)
    if (stored === null) throw new ImproperlyConfigured('setPassword was given a user who is not in the table.')
    return stored
  }

  /** Notes the time of the login. Mirrors `update_last_login`. */
  loggedIn({ id }: Pick<User, 'id'>): MaybePromise<void> {
    return chain(this.#run('setLastLogin', this.#database.fromMoment(this.#clock()), id), () => undefined)
  }

  #insert(username: string, encoded: string, fields: UserFields): MaybePromise<boolean> {
    const { email = '', firstName = '', lastName = '', isActive = true, isStaff = false, isSuperuser = false } = fields
    const flags = [isActive, isStaff, isSuperuser].map(Number)
    const joined = this.#database.fromMoment(this.#clock())
    const values = [username, encoded, normalizeEmail(email), firstName, lastName, ...flags, joined]
    return chain(this.#run('create', ...values), (rows) => rows === 1)
  }

  #user(name: 'byId' | 'byName', value: Value): MaybePromise<ModelUser | null> {
    const found = this.#ask(() => this.#statement(name).get(value))
    return chain(found, (row: Row | undefined) => {
      return row === undefined ? null : new ModelUser(row, (moment) => this.#database.toMoment(moment))
    })
  }

  #run(name: 'create' | 'setPassword' | 'replacePassword' | 'setLastLogin', ...values: Value[]): MaybePromise<number> {
    return this.#ask(() => this.#statement(name).run(...values))
  }

  #statement(name: keyof typeof SQL): Statement {
    this.#statements[name] ??= this.#database.prepare(SQL[name](this.#table, this.#database.dialect))
    return this.#statements[name] as Statement
  }

  /** @param isOurs whether sojourn makes the table: those of permissions, and of another user model, are Django's to make */
  #ask<T>(run: () => MaybePromise<T>, isOurs = this.#table === 'auth_user'): MaybePromise<T> {
    const failed = (cause: unknown): never => {
      // A driver that is missing is no table that is out of reach.
      if (cause instanceof SojournError) throw cause
      const why = isOurs && isMissingTable(cause) ? `is not there. ${MIGRATE}` : 'cannot be reached.'
      throw new StoreUnavailable(`The user table '${this.#table}' ${why}`, { cause })
    }
    try {
      const answer = run()
      return isPromise(answer) ? answer.catch(failed) : answer
    } catch (cause) {
      return failed(cause)
    }
  }
}

/** The part after the last @ in lower case. Mirrors `BaseUserManager.normalize_email`. */
function normalizeEmail(email: string): string {
  const at = email.lastIndexOf('@')
  return at < 0 ? email : email.trim().replace(/@[^@]*$/, (domain) => domain.toLowerCase())
}
