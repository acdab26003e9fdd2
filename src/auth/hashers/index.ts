import type { HasherName } from '../../core/setting-parts.js'
import { settingsTable } from '../../core/settings.js'
import { SojournError } from '../../errors.js'
import { randomString } from '../../wire/crypto.js'
import { pbkdf2Sha1, pbkdf2Sha256, scryptHasher } from './derived.js'
import type { Cost, Decoded, Hasher } from './hasher.js'
import { md5, sha1, unsaltedMd5, unsaltedSha1 } from './old.js'
import { argon2Hasher, bcryptPlain, bcryptSha256 } from './packaged.js'

export type { HasherName } from '../../core/setting-parts.js'

const LETTERS_AND_DIGITS = 'abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789'
/** 22 of these are 131 bits; Django asks for 128. */
const SALT_LENGTH = 22
const UNUSABLE_PREFIX = '!'
const UNUSABLE_LENGTH = 40

/** All algorithms, the weaker before the stronger: a hash is only ever made anew by a later one. */
const hashers: Readonly<Record<HasherName, Hasher>> = {
  unsalted_md5: unsaltedMd5,
  unsalted_sha1: unsaltedSha1,
  md5,
  sha1,
  pbkdf2_sha1: pbkdf2Sha1,
  pbkdf2_sha256: pbkdf2Sha256,
  bcrypt: bcryptPlain,
  bcrypt_sha256: bcryptSha256,
  scrypt: scryptHasher,
  argon2: argon2Hasher,
}
const ORDER = Object.keys(hashers) as readonly HasherName[]

/** How passwords are hashed. */
export interface PasswordRules {
  /** The algorithms: new hashes are made by the first, hashes of the others are read. The setting `passwordHashers`. */
  readonly hashers?: readonly HasherName[]
  /** The work of a new PBKDF2 hash: the setting `pbkdf2Iterations`. */
  readonly iterations?: number
  /** The source of salts; the system's secure one unless a test gives another. */
  readonly random?: (length: number, alphabet: string) => string
}

/** The algorithm of a stored hash; `null` for one that Django does not have, and for what is no hash. Mirrors `identify_hasher`. */
export function identifyHasher(encoded: string): HasherName | null {
  // The unsalted ones have no word of their own.
  const unsalted = (['unsalted_md5', 'unsalted_sha1'] as const).find((name) => hashers[name].decode(encoded) !== null)
  if (unsalted !== undefined) return unsalted
  const name = encoded.split('$', 1)[0] as string
  return Object.hasOwn(hashers, name) && encoded !== name ? (name as HasherName) : null
}

/**
 * A password's hash as the `password` column keeps it. `null` instead of a password gives one that nobody can log in with.
 * Mirrors `make_password`.
 *
 * @example
 * ```ts
 * import { checkPassword, makePassword } from 'sojourn/auth'
 *
 * const encoded = await makePassword('correct horse')
 * console.log(await checkPassword('correct horse', encoded)) // true
 * ```
 */
export async function makePassword(password: string | null, rules: PasswordRules = {}): Promise<string> {
  const { random = randomString } = rules
  if (password === null) return unusablePassword(random)
  const [name] = named(rules)
  const hasher = hashers[name]
  const cost = costOf(name, rules)
  const salt = (await hasher.salt?.(cost)) ?? random(SALT_LENGTH, LETTERS_AND_DIGITS)
  return hasher.encode(password, salt, cost)
}

/** `!` and 40 random characters: no password has this hash, and no two users share a session hash by it. */
export function unusablePassword(random: (length: number, alphabet: string) => string = randomString): string {
  return UNUSABLE_PREFIX + random(UNUSABLE_LENGTH, LETTERS_AND_DIGITS)
}

/** Whether anybody could log in with this hash. Mirrors `is_password_usable`. */
export function isPasswordUsable(encoded: string): boolean {
  return !encoded.startsWith(UNUSABLE_PREFIX)
}

/**
 * Whether a password is the one of a stored hash. Compared in constant time, and no answer comes faster than a hash of today's
 * work takes, so that time does not tell who exists. Mirrors `check_password`, but for two things: it rewrites nothing
 * (`mustUpgradePassword` says whether to), and a damaged hash is `false` where Django raises.
 *
 * Throws `ImproperlyConfigured` where the algorithm needs a package that is not installed.
 */
export async function checkPassword(
  password: string | null,
  encoded: string,
  rules: PasswordRules = {},
): Promise<boolean> {
  const known = identifyHasher(encoded)
  const name = known !== null && named(rules).includes(known) ? known : null
  const decoded = name === null ? null : hashers[name].decode(encoded)
  if (password === null || name === null || decoded === null) {
    await spendTime(rules)
    return false
  }
  const isCorrect = await verified(name, password, encoded)
  if (!isCorrect) await spendRest(password, name, decoded, rules)
  return isCorrect
}

/** What a library cannot read is the hash of no password. */
async function verified(name: HasherName, password: string, encoded: string): Promise<boolean> {
  try {
    return await hashers[name].verify(password, encoded)
  } catch (error) {
    if (error instanceof SojournError) throw error
    return false
  }
}

/**
 * Whether a hash is weaker than a new one would be: an older algorithm, less work, a shorter salt. Mirrors `must_update`, but for one that
 * costs more than new ones, which Django would make cheaper.
 *
 * @example
 * ```ts
 * import { mustUpgradePassword } from 'sojourn/auth'
 *
 * console.log(mustUpgradePassword('pbkdf2_sha256$260000$abcdefghijklmnopqrstuv$hash')) // true
 * ```
 */
export function mustUpgradePassword(encoded: string, rules: PasswordRules = {}): boolean {
  const name = identifyHasher(encoded)
  const decoded = name === null ? null : hashers[name].decode(encoded)
  if (name === null || decoded === null) return false
  const [preferred] = named(rules)
  if (name !== preferred) return ORDER.indexOf(name) < ORDER.indexOf(preferred)
  const now = costOf(preferred, rules)
  const { salt, cost } = decoded
  return !isCheaper(now, cost) && (isCheaper(cost, now) || salt.length < SALT_LENGTH)
}

/** Whether a cost is less than another in anything. */
function isCheaper(cost: Cost, than: Cost): boolean {
  return Object.keys(than).some((part) => (cost[part] ?? 0) < (than[part] ?? 0))
}

/** Hashes for nothing, as long as a real check takes. */
export async function spendTime(rules: PasswordRules = {}): Promise<void> {
  await makePassword('nobody has this password', rules)
}

/** So that it took no less than a hash of today's work. Mirrors `harden_runtime`, and does so for the other algorithms too. */
async function spendRest(
  password: string,
  name: HasherName,
  { salt, cost }: Decoded,
  rules: PasswordRules,
): Promise<void> {
  const [preferred] = named(rules)
  if (name !== preferred) return spendTime(rules)
  const now = costOf(name, rules)
  if (!isCheaper(cost, now)) return
  const missing = (now['iterations'] ?? 0) - (cost['iterations'] ?? 0)
  // One more of today's takes longer than what is missing, where that cannot be done by itself.
  if (missing > 0) await hashers[name].encode(password, salt, { iterations: missing })
  else await spendTime(rules)
}

function named({
  hashers: given = settingsTable.passwordHashers.default,
}: PasswordRules): readonly [HasherName, ...HasherName[]] {
  return given as readonly [HasherName, ...HasherName[]]
}

function costOf(name: HasherName, { iterations = settingsTable.pbkdf2Iterations.default }: PasswordRules): Cost {
  const { cost } = hashers[name]
  return 'iterations' in cost ? { iterations } : cost
}
