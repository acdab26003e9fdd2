import { pbkdf2 } from 'node:crypto'
import { settingsTable } from '../core/settings.js'
import { constantTimeEqual, randomString } from '../wire/crypto.js'

const LETTERS_AND_DIGITS = 'abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789'
/** 22 of these are 131 bits; Django asks for 128. */
const SALT_LENGTH = 22
const UNUSABLE_PREFIX = '!'
const UNUSABLE_LENGTH = 40
/** More than this no hash has, and Node's PBKDF2 does not take. */
const MAX_ITERATIONS = 2 ** 31 - 1

/** How passwords are hashed. */
export interface PasswordRules {
  /** The work of a new PBKDF2 hash: the setting `pbkdf2Iterations`. */
  readonly iterations?: number
  /** The source of salts; the system's secure one unless a test gives another. */
  readonly random?: (length: number, alphabet: string) => string
}

/** What a stored hash says of itself. */
interface Decoded {
  readonly salt: string
  readonly iterations: number
}

/** One algorithm. Mirrors `BasePasswordHasher`. */
interface Hasher {
  encode(password: string, salt: string, iterations: number): Promise<string>
  /** `null` for what is no hash of this algorithm. */
  decode(encoded: string): Decoded | null
}

/** `pbkdf2_sha256$iterations$salt$base64`, Django's `PBKDF2PasswordHasher`. */
const pbkdf2Sha256: Hasher = {
  async encode(password, salt, iterations) {
    const hash = await derive(password, salt, iterations)
    return `pbkdf2_sha256$${iterations}$${salt}$${hash.toString('base64')}`
  },
  decode(encoded) {
    const [, digits, salt] = /^pbkdf2_sha256\$([1-9]\d{0,9})\$([^$]+)\$/.exec(encoded) ?? []
    const iterations = Number(digits)
    return salt === undefined || iterations > MAX_ITERATIONS ? null : { salt, iterations }
  },
}

/** Off the event loop: half a second of work must not stop everybody else. */
function derive(password: string, salt: string, iterations: number): Promise<Buffer> {
  return new Promise((resolve, reject) => {
    pbkdf2(password, salt, iterations, 32, 'sha256', (error, hash) => (error === null ? resolve(hash) : reject(error)))
  })
}

const hashers = { pbkdf2_sha256: pbkdf2Sha256 } as const
const PREFERRED = hashers.pbkdf2_sha256

/** The name of a password hasher: what a stored hash begins with. */
export type HasherName = keyof typeof hashers

/** The algorithm of a stored hash, `null` for one that is not built, and for what is no hash. Mirrors `identify_hasher`. */
export function identifyHasher(encoded: string): HasherName | null {
  const name = encoded.split('$', 1)[0] as string
  return Object.hasOwn(hashers, name) ? (name as HasherName) : null
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
  return password === null
    ? unusablePassword(random)
    : PREFERRED.encode(password, random(SALT_LENGTH, LETTERS_AND_DIGITS), preferredIterations(rules))
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
 * work takes, so that time does not tell who exists. Mirrors `check_password`, but for two things: a hash is never
 * rewritten (that would end the user's other sessions), and a damaged one is `false` where Django raises.
 */
export async function checkPassword(
  password: string | null,
  encoded: string,
  rules: PasswordRules = {},
): Promise<boolean> {
  const name = identifyHasher(encoded)
  const decoded = name === null ? null : hashers[name].decode(encoded)
  if (password === null || name === null || decoded === null) {
    await spendTime(rules)
    return false
  }
  const again = await hashers[name].encode(password, decoded.salt, decoded.iterations)
  const correct = constantTimeEqual(again, encoded)
  const missing = preferredIterations(rules) - decoded.iterations
  if (!correct && missing > 0) await derive(password, decoded.salt, missing)
  return correct
}

/** Hashes for nothing, as long as a real check takes. */
export async function spendTime(rules: PasswordRules = {}): Promise<void> {
  await makePassword('nobody has this password', rules)
}

function preferredIterations({ iterations }: PasswordRules): number {
  return iterations ?? settingsTable.pbkdf2Iterations.default
}
