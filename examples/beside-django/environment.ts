import { randomBytes } from 'node:crypto'
import { readFileSync, writeFileSync } from 'node:fs'
import { fileURLToPath } from 'node:url'
import type { DjangoHere } from './find-django.js'

/** Printed at every start and known to everybody: never let a real site have such a user. */
export const demoUser = { username: 'ann', password: 'demo-ann-1871' } as const

/** One environment for both processes: what they share is said once. */
export function sharedEnvironment({ iterations, masked }: DjangoHere, env = process.env): NodeJS.ProcessEnv {
  const database = env['DATABASE'] ?? 'beside-django.sqlite3'
  return {
    ...env,
    SECRET_KEY: env['SECRET_KEY'] ?? keptKey(`${database}.secret-key`),
    DATABASE_URL: sqliteUrl(database),
    PBKDF2_ITERATIONS: String(iterations),
    CSRF_COOKIE_MASKED: String(masked),
    ...(env['OIDC_ISSUER'] === undefined ? {} : { LOGIN_URL: '/oidc/login' }),
    DEMO_USER: demoUser.username,
    DEMO_PASSWORD: demoUser.password,
    // Nothing compiled beside the sources.
    PYTHONPYCACHEPREFIX:
      env['PYTHONPYCACHEPREFIX'] ?? fileURLToPath(new URL('../../node_modules/.cache/beside-django/', import.meta.url)),
  }
}

/** The URL of a SQLite file, whatever its name holds. */
export function sqliteUrl(file: string): string {
  return `sqlite:${file.split('/').map(encodeURIComponent).join('/')}`
}

/** Made once, so that sessions outlive this process; readable by its owner alone. */
function keptKey(file: string): string {
  try {
    writeFileSync(file, `${randomBytes(48).toString('base64url')}\n`, { mode: 0o600, flag: 'wx' })
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'EEXIST') throw error
  }
  return readFileSync(file, 'utf8').trim()
}
