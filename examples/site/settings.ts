import { randomBytes } from 'node:crypto'
import { readFileSync, writeFileSync } from 'node:fs'
import { type Settings, settingsFromEnv } from 'sojourn'
import { formRefused } from './form-refused.js'

/** The demonstration's own defaults, and on top of them whatever the environment has: `SESSION_ENGINE=memory npm start`. */
export function siteSettings(env: Readonly<Record<string, string | undefined>> = process.env): Settings {
  const settings: Settings = {
    debug: true,
    databases: { default: 'sqlite:./db.sqlite3' },
    sessionUserIndex: true,
    loginUrl: '/login',
    loginRedirectUrl: '/',
    logoutRedirectUrl: '/',
    csrfFailureView: formRefused,
    ...settingsFromEnv(env),
  }
  return { ...settings, secretKey: settings.secretKey ?? keptKey(settings.databases?.['default']) }
}

/**
 * A key made once and kept in a file, beside the database if that is a file too, so that sessions outlive this process. A real site is
 * given its `SECRET_KEY`; this one should start without a question.
 */
function keptKey(database: unknown): string {
  const path = typeof database === 'string' ? filePath(database) : undefined
  if (path === undefined) return newKey()
  const file = `${path}.secret-key`
  try {
    // Only the process that makes the file writes it; a second one, started at the same moment, reads it.
    writeFileSync(file, `${newKey()}\n`, { mode: 0o600, flag: 'wx' })
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'EEXIST') throw error
  }
  return readFileSync(file, 'utf8').trim()
}

function newKey(): string {
  return randomBytes(48).toString('base64url')
}

/** The file of a `sqlite:` URL, `./site` for a server, undefined for a database in memory. */
function filePath(url: string): string | undefined {
  if (!url.startsWith('sqlite:')) return './site'
  const [path = ''] = url.replace(/^sqlite:(?:\/\/(?=\/))?/, '').split('?', 1)
  return path === '' || path === ':memory:' ? undefined : decodeURIComponent(path)
}
