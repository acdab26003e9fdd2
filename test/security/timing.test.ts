import { expect, test } from 'vitest'
import { SessionHash } from '../../src/auth/session-hash.js'
import { CSRF_ALPHABET, maskSecret, tokenMatches } from '../../src/csrf/token.js'
import { constantTimeEqual, randomString } from '../../src/wire/crypto.js'
import { JsonSigner } from '../../src/wire/signing.js'
import { SECRET } from '../support/sites.js'

/** Past this the two times differ (as in TVLA and dudect): by chance it happens once in 100,000 runs. */
const LIMIT = 4.5
/** A busy machine may slow one of the two down for a while. Whatever leaks does so in every attempt. */
const ATTEMPTS = 3
/** The clock is too coarse for one. */
const BATCH = 20
const POOL = 512

/** A text with one character changed. */
function wrongAt(text: string, at: number, alphabet: string): string {
  const bytes = Buffer.from(text)
  const right = bytes[at]
  do bytes[at] = alphabet.charCodeAt(Math.floor(Math.random() * alphabet.length))
  while (bytes[at] === right)
  return bytes.toString('latin1')
}

class Moments {
  n = 0
  mean = 0
  #squares = 0

  add(value: number): void {
    this.n++
    const delta = value - this.mean
    this.mean += delta / this.n
    this.#squares += delta * (value - this.mean)
  }

  /** The variance of the mean. */
  get error(): number {
    return this.#squares / (this.n - 1) / this.n
  }
}

interface Trial<Known> {
  /** Something to guess, and the right guess. */
  readonly make: () => { readonly known: Known; readonly right: string }
  readonly compare: (guess: string, known: Known) => unknown
  readonly alphabet: string
  /** How many characters at the end of a guess are what is compared. */
  readonly length: number
  readonly compares: number
}

/**
 * Welch's t of the times of guesses that go wrong at the first character and of those that do at the last, in random order. Guesses are
 * made just before they are tried, each at another text: nothing but where it goes wrong may tell the two kinds apart, not even
 * where in memory it lies.
 */
function welch<Known>({ make, compare, alphabet, length, compares }: Trial<Known>): number {
  const pool = Array.from({ length: POOL }, make)
  const samples = Math.floor(compares / BATCH)
  const times = new Float64Array(samples)
  const kindOf = new Uint8Array(samples)
  const guesses: string[] = new Array(BATCH).fill('')
  let matched = 0
  const measure = (index: number, kind: number): void => {
    const from = Math.floor(Math.random() * (POOL - BATCH))
    for (let i = 0; i < BATCH; i++) {
      const { right } = pool[from + i] as (typeof pool)[number]
      guesses[i] = wrongAt(right, right.length - (kind === 0 ? length : 1), alphabet)
    }
    const start = process.hrtime.bigint()
    for (let i = 0; i < BATCH; i++) {
      if (compare(guesses[i] as string, (pool[from + i] as (typeof pool)[number]).known)) matched++
    }
    times[index] = Number(process.hrtime.bigint() - start)
    kindOf[index] = kind
  }
  for (let i = 0; i < 2000; i++) measure(0, i % 2)
  for (let i = 0; i < samples; i++) measure(i, Math.random() < 0.5 ? 0 : 1)
  expect(matched).toBe(0)
  // What other processes and the garbage collector took is cut off, for both kinds at the same time.
  const longest = Float64Array.from(times).sort()[Math.floor(samples * 0.8)] as number
  const [first, last] = [new Moments(), new Moments()] as const
  for (let i = 0; i < samples; i++) {
    const time = times[i] as number
    if (time <= longest) (kindOf[i] === 0 ? first : last).add(time)
  }
  return (first.mean - last.mean) / Math.sqrt(first.error + last.error)
}

/** The smallest |t| of as many attempts as it takes to be under the limit. */
function leak<Known>(trial: Trial<Known>): number {
  let smallest = Number.POSITIVE_INFINITY
  for (let attempt = 0; attempt < ATTEMPTS && smallest >= LIMIT; attempt++) {
    smallest = Math.min(smallest, Math.abs(welch(trial)))
  }
  return smallest
}

const HEX = '0123456789abcdef'
const text = () => {
  const known = randomString(64, HEX)
  return { known, right: known }
}

test('T26: a compare that stops at the first wrong character is found by this measure', () => {
  const careless = (guess: string, known: string): boolean => {
    const [a, b] = [Buffer.from(guess), Buffer.from(known)]
    for (let i = 0; i < b.length; i++) if (a[i] !== b[i]) return false
    return a.length === b.length
  }
  const trial = { make: text, compare: careless, alphabet: HEX, length: 64, compares: 400_000 }
  expect(leak(trial)).toBeGreaterThan(LIMIT)
})

test('T26: how long a compare takes does not tell where a guess goes wrong', () => {
  const trial = { make: text, compare: constantTimeEqual, alphabet: HEX, length: 64, compares: 1_000_000 }
  expect(leak(trial)).toBeLessThan(LIMIT)
})

test('T26: nor does it for the signature of a session', () => {
  const signer = new JsonSigner({ key: SECRET, salt: 'timing' })
  const make = () => ({ known: null, right: signer.sign(`{"a":"${randomString(8, HEX)}"}`) })
  const alphabet = `${CSRF_ALPHABET}-_`
  const trial = { make, compare: (guess: string) => signer.open(guess), alphabet, length: 43, compares: 200_000 }
  expect(leak(trial)).toBeLessThan(LIMIT)
})

test.each([
  ['bare', (secret: string) => secret],
  ['masked', (secret: string) => maskSecret(secret, randomString(32, CSRF_ALPHABET))],
] as const)('T26: nor does it for a form’s token (%s)', (_, tokenOf) => {
  const make = () => {
    const known = randomString(32, CSRF_ALPHABET)
    return { known, right: tokenOf(known) }
  }
  const trial = { make, compare: tokenMatches, alphabet: CSRF_ALPHABET, length: 32, compares: 400_000 }
  expect(leak(trial)).toBeLessThan(LIMIT)
})

test('T26: nor does it for the hash that binds a session to a password', () => {
  const hashes = new SessionHash({ secretKey: SECRET, secretKeyFallbacks: [] })
  const make = () => {
    const known = { id: 1, username: 'ann', password: randomString(88, CSRF_ALPHABET), isActive: true }
    return { known, right: hashes.of(known) }
  }
  const compare = (guess: string, known: Parameters<typeof hashes.verify>[1]) => hashes.verify(guess, known)
  expect(leak({ make, compare, alphabet: HEX, length: 64, compares: 200_000 })).toBeLessThan(LIMIT)
})
