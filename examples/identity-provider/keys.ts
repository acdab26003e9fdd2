import { generateKeyPairSync, hkdfSync, randomBytes } from 'node:crypto'
import { readFileSync, writeFileSync } from 'node:fs'
import type { JWK } from 'oidc-provider'

/** What must be the same after a restart: else every session, and every token that a site has, is worth nothing. */
export interface Keys {
  readonly secretKey: string
  /** The first signs; the others are still believed. A new key is put in second, and first a day later, when all sites have seen it. */
  readonly signing: readonly JWK[]
  /** By which the provider knows its own cookies. */
  readonly cookies: readonly string[]
}

/** From SECRET_KEY and SIGNING_KEYS, or made once and kept in files that only their owner reads. */
export function keysBeside(database: string, env: NodeJS.ProcessEnv = process.env): Keys {
  const secretKey = secretKeyBeside(database, env)
  const made = env['SIGNING_KEYS'] ?? kept(`${database}.signing.secret-key`, () => JSON.stringify([signingKey()]))
  const signing = JSON.parse(made) as readonly JWK[]
  return { secretKey, signing, cookies: [derived(secretKey, 'cookies of the provider')] }
}

export function secretKeyBeside(database: string, { SECRET_KEY }: NodeJS.ProcessEnv = process.env): string {
  return SECRET_KEY ?? kept(`${database}.secret-key`, () => randomBytes(48).toString('base64url'))
}

function signingKey(): JWK {
  const { privateKey } = generateKeyPairSync('rsa', { modulusLength: 2048 })
  const made = new Date().toISOString()
  return { ...(privateKey.export({ format: 'jwk' }) as JWK), use: 'sig', alg: 'RS256', kid: made }
}

/** A key for one purpose, which tells nothing of the secret nor of the keys for others. */
function derived(secret: string, purpose: string): string {
  return Buffer.from(hkdfSync('sha256', secret, '', purpose, 32)).toString('base64url')
}

function kept(file: string, make: () => string): string {
  try {
    writeFileSync(file, `${make()}\n`, { mode: 0o600, flag: 'wx' })
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'EEXIST') throw error
  }
  return readFileSync(file, 'utf8').trim()
}
