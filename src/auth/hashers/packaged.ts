import { createHash } from 'node:crypto'
import { type Runtime, runtime } from '../../core/runtime.js'
import { ImproperlyConfigured } from '../../errors.js'
import { constantTimeEqual } from '../../wire/crypto.js'
import type { Hasher } from './hasher.js'

/** As much of the package `argon2` as is used. */
interface Argon2 {
  readonly argon2id: 2
  hash(password: string, options: Readonly<Record<string, unknown>>): Promise<Buffer>
  verify(encoded: string, password: string): Promise<boolean>
}

/** As much of the package `bcrypt` as is used. */
interface Bcrypt {
  genSalt(rounds: number): Promise<string>
  hash(password: string, salt: string): Promise<string>
}

const PHC =
  /^argon2\$argon2(?:id|i|d)\$v=(?:16|19)\$m=(\d{1,8}),t=(\d{1,3}),p=(\d{1,3})\$([A-Za-z0-9+/]{11,})\$[A-Za-z0-9+/]{6,}$/
/** KiB, rounds and threads beyond which no hash is worth its work. */
const MOST_ARGON2 = { m: 2 ** 21, t: 100, p: 128 } as const
const MOST_ROUNDS = 20

/** `argon2` and the PHC text: Django's `Argon2PasswordHasher`. */
export const argon2Hasher: Hasher = {
  cost: { t: 2, m: 102_400, p: 8 },
  async encode(password, salt, { t, m, p }) {
    const { hash, argon2id } = await argon2Package()
    const cost = { timeCost: t, memoryCost: m, parallelism: p }
    const bytes = Buffer.from(salt)
    const raw = await hash(password, { ...cost, type: argon2id, hashLength: 32, salt: bytes, raw: true })
    // The package's own text has these numbers in another order, which Django's library does not read.
    return `argon2$argon2id$v=19$m=${m},t=${t},p=${p}$${unpadded(bytes)}$${unpadded(raw)}`
  },
  decode(encoded) {
    const [, memory, rounds, threads, salt] = PHC.exec(encoded) ?? []
    if (salt === undefined) return null
    const [m, t, p] = [Number(memory), Number(rounds), Number(threads)]
    const isBearable = m <= MOST_ARGON2.m && t <= MOST_ARGON2.t && p <= MOST_ARGON2.p
    if (!isBearable || p < 1 || t < 1 || m < 8 * p) return null
    return { salt: Buffer.from(salt, 'base64').toString('latin1'), cost: { t, m, p } }
  },
  async verify(password, encoded) {
    const { verify } = await argon2Package()
    return verify(encoded.slice('argon2'.length), password)
  },
}

function unpadded(bytes: Buffer): string {
  return bytes.toString('base64').replaceAll('=', '')
}

const BCRYPT = /^bcrypt(?:_sha256)?\$(\$2[aby]\$(\d\d)\$[./A-Za-z0-9]{22})[./A-Za-z0-9]{31}$/

/**
 * `bcrypt_sha256$$2b$rounds$...`: Django's `BCryptSHA256PasswordHasher`; and `BCryptPasswordHasher`, which sees only the first 72 bytes of a
 * password, and is for reading old hashes.
 */
function bcryptHasher(name: 'bcrypt_sha256' | 'bcrypt'): Hasher {
  const given = (password: string): string =>
    name === 'bcrypt' ? password : createHash('sha256').update(password).digest('hex')
  const encode = async (password: string, salt: string): Promise<string> => {
    const { hash } = await bcryptPackage()
    return `${name}$${await hash(given(password), salt)}`
  }
  return {
    cost: { rounds: 12 },
    salt: async ({ rounds = 12 }) => (await bcryptPackage()).genSalt(rounds),
    encode,
    decode(encoded) {
      const [, salt, rounds] = BCRYPT.exec(encoded) ?? []
      const isOurs = encoded.startsWith(`${name}$`) && Number(rounds) >= 4 && Number(rounds) <= MOST_ROUNDS
      return isOurs && salt !== undefined ? { salt, cost: { rounds: Number(rounds) } } : null
    },
    async verify(password, encoded) {
      // PHP's `$2y$` is what all others call `$2b$`.
      const known = encoded.replace('$2y$', () => '$2b$')
      const salt = this.decode(known)?.salt
      return salt !== undefined && constantTimeEqual(await encode(password, salt), known)
    },
  }
}

export const bcryptSha256 = bcryptHasher('bcrypt_sha256')
export const bcryptPlain = bcryptHasher('bcrypt')

let argon2: Promise<Argon2> | undefined
let bcrypt: Promise<Bcrypt> | undefined

function argon2Package(): Promise<Argon2> {
  argon2 ??= loadArgon2()
  return argon2
}

function bcryptPackage(): Promise<Bcrypt> {
  bcrypt ??= loadBcrypt()
  return bcrypt
}

// Bundlers let a package be absent only where its `import()` stands in a `try` of its own.
async function loadArgon2(): Promise<Argon2> {
  try {
    return (await import('argon2')).default as unknown as Argon2
  } catch (cause) {
    throw missing('argon2', cause)
  }
}

async function loadBcrypt(): Promise<Bcrypt> {
  try {
    return (await import('bcrypt')).default as unknown as Bcrypt
  } catch (cause) {
    throw missing('bcrypt', cause)
  }
}

function missing(name: string, cause: unknown): ImproperlyConfigured {
  return new ImproperlyConfigured(
    `A password is hashed by ${name}, for which a package is needed: ${remedyFor(name)}`,
    { cause },
  )
}

function remedyFor(name: string, { addons, name: here }: Runtime = runtime): string {
  return addons ? `npm install ${name}` : `${here} loads none that was compiled for Node.`
}
