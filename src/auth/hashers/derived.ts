import { pbkdf2, scrypt } from 'node:crypto'
import { type Runtime, runtime } from '../../core/runtime.js'
import { ImproperlyConfigured } from '../../errors.js'
import { constantTimeEqual } from '../../wire/crypto.js'
import type { Cost, Decoded, Hasher } from './hasher.js'

/** More work than this no hash is worth: whoever could write one into the table would have the login page do it. */
const MOST_ITERATIONS = 50_000_000
const MOST_SCRYPT = { memory: 2 ** 30, work: 2 ** 26 } as const

/** `pbkdf2_sha256$iterations$salt$base64`: Django's `PBKDF2PasswordHasher`, and `PBKDF2SHA1PasswordHasher`. */
function pbkdf2Hasher(name: string, digest: 'sha256' | 'sha1', bytes: number): Hasher {
  const encode = async (password: string, salt: string, { iterations = 1 }: Cost): Promise<string> => {
    refuseTooMany(iterations)
    const hash = await called((done) => pbkdf2(password, salt, iterations, bytes, digest, done))
    return `${name}$${iterations}$${salt}$${hash.toString('base64')}`
  }
  const decode = (encoded: string): Decoded | null => {
    const [algorithm, digits = '', salt = '', hash] = encoded.split('$')
    const iterations = Number(digits)
    const good = algorithm === name && /^[1-9]\d{0,9}$/.test(digits) && iterations <= MOST_ITERATIONS
    return good && salt !== '' && hash !== undefined ? { salt, cost: { iterations } } : null
  }
  return { cost: { iterations: 1_500_000 }, encode, decode, verify: again(encode, decode) }
}

/** Said here and not by the runtime, which says so only once the site is on the network. */
export function refuseTooMany(iterations: number, { name, mostIterations }: Runtime = runtime): void {
  if (iterations <= mostIterations) return
  throw new ImproperlyConfigured(
    `A password's hash takes ${iterations} iterations of PBKDF2, and ${name} makes ${mostIterations} at most: name 'scrypt' first in passwordHashers, and have users with such a hash log in elsewhere once, or give them new passwords.`,
  )
}

export const pbkdf2Sha256 = pbkdf2Hasher('pbkdf2_sha256', 'sha256', 32)
export const pbkdf2Sha1 = pbkdf2Hasher('pbkdf2_sha1', 'sha1', 20)

/** `scrypt$n$salt$r$p$base64`: Django's `ScryptPasswordHasher`. */
export const scryptHasher: Hasher = {
  cost: { n: 2 ** 14, r: 8, p: 5 },
  async encode(password, salt, { n = 2, r = 1, p = 1 }) {
    // What the algorithm needs and a little more: Node's own limit is that of a Django of 2021.
    const maxmem = 128 * r * (n + p + 2) + 4096
    const hash = await called((done) => scrypt(password, salt, 64, { N: n, r, p, maxmem }, done))
    return `scrypt$${n}$${salt}$${r}$${p}$${hash.toString('base64')}`
  },
  decode(encoded) {
    const [algorithm, n = '', salt = '', r = '', p = '', hash] = encoded.split('$')
    const numbers = [n, r, p]
    if (algorithm !== 'scrypt' || salt === '' || hash === undefined) return null
    if (!numbers.every((digits) => /^[1-9]\d{0,7}$/.test(digits))) return null
    const cost = { n: Number(n), r: Number(r), p: Number(p) }
    const isPower = cost.n > 1 && Number.isInteger(Math.log2(cost.n))
    const isBearable =
      128 * cost.r * (cost.n + cost.p) <= MOST_SCRYPT.memory && cost.n * cost.r * cost.p <= MOST_SCRYPT.work
    return isPower && isBearable ? { salt, cost } : null
  },
  async verify(password, encoded) {
    return again(this.encode, this.decode)(password, encoded)
  },
}

/** A hash whose parts are all in its text is verified by making it again. */
export function again(encode: Hasher['encode'], decode: Hasher['decode']): Hasher['verify'] {
  return async (password, encoded) => {
    const decoded = decode(encoded)
    return decoded !== null && constantTimeEqual(await encode(password, decoded.salt, decoded.cost), encoded)
  }
}

/** Off the event loop: half a second of work must not stop everybody else. */
function called(run: (done: (error: Error | null | undefined, hash: Buffer) => void) => void): Promise<Buffer> {
  return new Promise((resolve, reject) => {
    // Bun says undefined where there is none.
    run((error, hash) => (error ? reject(error) : resolve(hash)))
  })
}
