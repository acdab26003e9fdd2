import { ImproperlyConfigured } from '../errors.js'
import { isPlainObject, type TextForm } from './setting-rules.js'
import { cache, database } from './setting-stores.js'
import { djangoName, type SettingName, type Settings, settingsTable } from './settings.js'
import { type AnyRule, checkSetting, checkValue, ruleOf, settingNames } from './settings-input.js'

/** Environment variables, such as `process.env`. */
export type Environment = Readonly<Record<string, string | undefined>>

/**
 * The settings that the environment has, under Django's names: `SESSION_COOKIE_AGE=86400`. Booleans are true/false,
 * yes/no, on/off, 1/0 in any case; lists are JSON or separated by commas; objects are JSON; `None`, `null` or nothing
 * is null where null is allowed. `DATABASE_URL` is the default database, `CACHE_URL` the default cache. Throws `ImproperlyConfigured`, which names
 * the variable.
 *
 * @example
 * ```ts
 * import { settingsFromEnv, sojourn } from 'sojourn'
 *
 * const site = sojourn({ ...settingsFromEnv(), sessionCookieAge: 86400 })
 * ```
 */
export function settingsFromEnv(env: Environment = processEnvironment()): Settings {
  const settings: Partial<Record<SettingName, unknown>> = {}
  for (const name of settingNames()) {
    const variable = djangoName(name)
    const given = env[variable]
    if (given === undefined) continue
    const value = readVariable(name, variable, given)
    if (value !== undefined) settings[name] = checkSetting(name, value, `environment variable ${variable}`)
  }
  for (const [variable, name, rule] of URLS) {
    const url = env[variable]
    if (url !== undefined) settings[name] = withDefault(variable, name, rule, settings[name], url)
  }
  return settings as Settings
}

/** Variables that hold the default of a setting with aliases, as hosting services give them. */
const URLS = [
  ['DATABASE_URL', 'databases', database],
  ['CACHE_URL', 'caches', cache],
] as const

/** The value to check, or undefined where the variable is somebody else's. */
function readVariable(name: SettingName, variable: string, given: string): unknown {
  const { text: form, nullable } = ruleOf(name)
  if (nullable && /^\s*(none|null)?\s*$/i.test(given)) return null
  if (form === 'code') {
    // RANDOM is a shell's own variable, and CLOCK may be anybody's; Django's names are meant for us.
    if (!settingsTable[name].django) return undefined
    throw new ImproperlyConfigured(
      `The environment variable ${variable} cannot be read: ${ruleOf(name).allowed} is given in code.`,
    )
  }
  const value = readText(form, given)
  if (value === undefined) {
    throw new ImproperlyConfigured(
      `The environment variable ${variable} must be ${ruleOf(name).allowed}, but it is not valid JSON.`,
    )
  }
  // `DEBUG=express:*` belongs to the package "debug".
  return name === 'debug' && typeof value !== 'boolean' ? undefined : value
}

const WORDS: ReadonlyMap<string, boolean> = new Map([
  ...['true', 'yes', 'on', '1'].map((word) => [word, true] as const),
  ...['false', 'no', 'off', '0'].map((word) => [word, false] as const),
])

/** Text that does not have the form stays text, for the rule to take (`auto`) or refuse. Broken JSON is undefined. */
function readText(form: TextForm, given: string): unknown {
  const trimmed = given.trim()
  if (form === 'boolean') return WORDS.get(trimmed.toLowerCase()) ?? given
  if (form === 'number') return /^[+-]?\d+(\.\d+)?$/.test(trimmed) ? Number(trimmed) : given
  if (form === 'json' || (form === 'list' && trimmed.startsWith('['))) return parseJson(trimmed)
  if (form !== 'list') return given
  const items = trimmed.split(',').map((item) => item.trim())
  return items.filter((item) => item !== '')
}

/** The parser's own message quotes the text, which may hold a password, so it goes no further. */
function parseJson(given: string): unknown {
  try {
    return JSON.parse(given) as unknown
  } catch {
    return undefined
  }
}

function withDefault(variable: string, name: SettingName, rule: AnyRule, given: unknown, url: string): object {
  const others = isPlainObject(given) ? given : {}
  if (Object.hasOwn(others, 'default')) {
    throw new ImproperlyConfigured(
      `The environment variables ${variable} and ${djangoName(name)} both give the default: keep one of them.`,
    )
  }
  return Object.freeze({ ...others, default: checkValue(rule, url, `environment variable ${variable}`) })
}

function processEnvironment(): Environment {
  return (globalThis as { process?: { env?: Environment } }).process?.env ?? {}
}
