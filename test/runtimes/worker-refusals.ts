import { checkPassword, makePassword, userBackend } from '../../src/auth/index.js'
import type { SettingsInput } from '../../src/core/settings.js'
import { sojourn } from '../../src/sojourn.js'
import { bindings, secretKey } from './worker-engines.js'

const made = (settings: Partial<SettingsInput>) => () => sojourn({ secretKey, ...settings } as SettingsInput)

/** What Workers cannot do. */
const USES: Readonly<Record<string, () => unknown>> = {
  'a file of SQLite': made({ databases: { default: 'sqlite:./db.sqlite3' } }),
  'what is the default': made({}),
  files: made({ sessionEngine: 'file' }),
  'a URL of a database': made({ databases: { default: 'postgres://site@127.0.0.1/site' } }),
  'a URL of a cache': made({ sessionEngine: 'cache', caches: { default: 'redis://127.0.0.1' } }),
  'a list of caches': made({
    sessionEngine: 'cache',
    caches: { default: { location: ['memcached://127.0.0.1', 'memcached://127.0.0.2'] } },
  }),
  'a session of D1': made({ databases: { default: bindings.DB.withSession() } }),
  'hashes by argon2': made({ sessionEngine: 'memory', passwordHashers: ['argon2'] }),
  'a hash by bcrypt': () => checkPassword('a password', `bcrypt_sha256$$2b$12$${'a'.repeat(53)}`),
  'a hash of many iterations': () => makePassword('a password', { hashers: ['pbkdf2_sha256'], iterations: 100_001 }),
  'users in a file': () => userBackend(sojourn({ secretKey, sessionEngine: 'memory' })).getByUsername('ann'),
}

/** The error of each. */
export async function refusals(): Promise<Readonly<Record<string, string>>> {
  const told: Record<string, string> = {}
  for (const [name, use] of Object.entries(USES)) {
    try {
      await use()
      told[name] = 'no error'
    } catch (error) {
      told[name] = `${(error as Error).name}: ${(error as Error).message}`
    }
  }
  return told
}
