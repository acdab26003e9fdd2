import type { World } from './run.js'

/** Where the environment has passwords and keys. */
const VARIABLES = ['DATABASE_URL', 'DATABASES', 'CACHE_URL', 'CACHES'] as const
const KEYS = ['SECRET_KEY', 'SECRET_KEY_FALLBACKS'] as const

const USER_AND_PASSWORD = /:\/\/([^\s"'\\]*)@/g
/** Also of URLs that nobody told us of: those of a module of settings. */
const PASSWORD_IN_URL = /(:\/\/[^\s/:@]*:)\S+@|([?&](?:ssl)?(?:password|passwd|pass|pwd)=)[^&#\s"']+/gi
const PARAMETER = /[?&](?:ssl)?(?:password|passwd|pass|pwd)=([^&#\s"']*)/gi
/** What is shorter is no secret worth the name, and is found in every other word. */
const SHORTEST = 4

/**
 * A text without the passwords and keys that a command was given. Ours are never in it; a driver's error may quote what it took for a host,
 * and of a password with `@` or `/` in it that is a part of the password.
 */
export function withoutSecrets(text: string, { env }: World, database: string | undefined): string {
  const urls = [database ?? '', ...VARIABLES.map((name) => env[name] ?? '')].join(' ')
  const passwords = [
    ...[...urls.matchAll(USER_AND_PASSWORD)].map(([, info = '']) =>
      info.includes(':') ? info.replace(/^[^:]*:/, '') : '',
    ),
    ...[...urls.matchAll(PARAMETER)].map(([, value = '']) => value),
  ].flatMap((password) => [password, decoded(password), ...password.split(/[@/?#:&=%]/)])
  const keys = KEYS.flatMap((name) => [env[name] ?? '', ...(env[name] ?? '').split(/[\s",[\]]+/)])
  return [...passwords, ...keys]
    .filter((secret) => secret.length >= SHORTEST)
    .sort((a, b) => b.length - a.length)
    .reduce((shown, secret) => shown.replaceAll(secret, '***'), text)
    .replace(PASSWORD_IN_URL, (_, user?: string, parameter?: string) =>
      user === undefined ? `${parameter}***` : `${user}***@`,
    )
}

function decoded(text: string): string {
  try {
    return decodeURIComponent(text)
  } catch {
    return ''
  }
}
