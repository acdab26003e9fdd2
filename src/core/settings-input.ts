import { ImproperlyConfigured } from '../errors.js'
import { refuseConflicts } from './setting-conflicts.js'
import { optionElsewhere } from './setting-elsewhere.js'
import { nearestName } from './setting-names.js'
import { describe, quoteShort, Refusal, type Rule } from './setting-rules.js'
import { refuseForRuntime } from './setting-runtime.js'
import {
  djangoName,
  type ResolvedSettings,
  type SettingName,
  type Settings,
  type SettingsInput,
  settingsTable,
} from './settings.js'

/** Settings as users write them, read and checked: whole, in part, and from the environment (`settings-env.ts`). */

export type AnyRule = Rule<unknown, unknown>

/** A checked value and the name that the user wrote for it. */
interface Given {
  readonly spelled: string
  readonly value: unknown
}

const SPELLINGS: ReadonlyMap<string, SettingName> = new Map(
  settingNames().flatMap((name) => [
    [name, name],
    [djangoName(name), name],
  ]),
)

/** The names of all settings, in the order of the table. */
export function settingNames(): readonly SettingName[] {
  return Object.keys(settingsTable) as SettingName[]
}

/** The rule of a setting, where its types no longer matter. */
export function ruleOf(name: SettingName): AnyRule {
  return settingsTable[name].rule as AnyRule
}

/**
 * All settings, checked one by one and together, with the defaults of those that were not given.
 * Throws `ImproperlyConfigured`, which names the setting as the user spelled it; never with a secret in its message.
 */
export function resolveSettings(input: SettingsInput): ResolvedSettings {
  const given = readInput(input)
  const settings: Partial<Record<SettingName, unknown>> = {}
  for (const name of settingNames()) {
    const entry = given.get(name)
    const value: unknown = entry === undefined ? settingsTable[name].default : entry.value
    // Whoever prints a site or its settings prints no secret (T27).
    Object.defineProperty(settings, name, { value, enumerable: !ruleOf(name).secret })
  }
  if (settings.secretKey === '') throw emptySecretKey()
  const resolved = Object.freeze(settings) as ResolvedSettings
  const spell = (name: SettingName): string => given.get(name)?.spelled ?? name
  refuseConflicts(resolved, spell)
  refuseForRuntime(resolved, spell)
  return resolved
}

/**
 * Types and checks settings where they are written, away from `sojourn()`. Takes either spelling, Django's dotted
 * paths included, and gives TypeScript's. What only shows once all settings are known is checked by `sojourn()`.
 *
 * @example
 * ```ts
 * import { defineSettings } from 'sojourn'
 *
 * export default defineSettings({ SESSION_ENGINE: 'django.contrib.sessions.backends.db', SESSION_COOKIE_AGE: 86400 })
 * ```
 */
export function defineSettings(input: SettingsInput): Settings {
  return Object.fromEntries([...readInput(input)].map(([name, { value }]) => [name, value]))
}

function readInput(input: unknown): ReadonlyMap<SettingName, Given> {
  if (typeof input !== 'object' || input === null || Array.isArray(input)) {
    throw new ImproperlyConfigured(
      `Settings must be an object such as { secretKey: '...' }, but they are ${describe(input, true)}.`,
    )
  }
  const given = new Map<SettingName, Given>()
  for (const [spelled, value] of Object.entries(input)) {
    const name = SPELLINGS.get(spelled)
    if (name === undefined) throw unknownSetting(spelled)
    if (value === undefined) continue
    if (given.has(name)) {
      throw new ImproperlyConfigured(
        `The setting ${name} is given twice, also as ${djangoName(name)}: keep one of them.`,
      )
    }
    given.set(name, { spelled, value: checkSetting(name, value, `setting ${spelled}`) })
  }
  return given
}

/** The value as the rest of sojourn reads it. `subject` begins the error: "setting SESSION_COOKIE_AGE". */
export function checkSetting(name: SettingName, value: unknown, subject: string): unknown {
  if (name === 'secretKey' && isEmpty(value)) throw emptySecretKey()
  return checkValue(ruleOf(name), value, subject)
}

export function checkValue(rule: AnyRule, value: unknown, subject: string): unknown {
  const result = rule.check(value)
  if (!(result instanceof Refusal)) return result
  const what = describe(result.given, rule.secret)
  const why = result.why === '' ? '' : ` ${result.why}`
  throw new ImproperlyConfigured(`The ${subject} must be ${rule.allowed}, but ${result.at || 'it'} is ${what}.${why}`)
}

function unknownSetting(spelled: string): ImproperlyConfigured {
  const advice =
    optionElsewhere(spelled) ??
    nearestName(spelled, [...SPELLINGS.keys()], 'docs/reference/settings.md lists them all.')
  return new ImproperlyConfigured(`There is no setting ${quoteShort(spelled)}; ${advice}`)
}

function isEmpty(value: unknown): boolean {
  return value === null || value === '' || (value instanceof Uint8Array && value.length === 0)
}

function emptySecretKey(): ImproperlyConfigured {
  return new ImproperlyConfigured(
    'The SECRET_KEY setting must not be empty. Set secretKey to the SECRET_KEY of the Django site that shares its sessions, ' +
      'or to a long random text (`openssl rand -base64 48` makes one).',
  )
}
