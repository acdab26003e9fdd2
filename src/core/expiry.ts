import { isoOfMicros, microsOfIso, zoneOffset } from '../wire/dates.js'
import type { Cells } from './types.js'

/** Where a session keeps its own expiry: absent, whole seconds, or a moment as Python's `isoformat()` text. */
export const EXPIRY_KEY = '_session_expiry'
/** When the session began, in seconds since 1970; kept only with `sessionAbsoluteAge`. */
export const BIRTH_KEY = '_sojourn_t0'
/** When this one session ends whatever becomes of it, in seconds since 1970; kept only by logins that are good for so long and no longer. */
export const END_KEY = '_sojourn_end'

export type StoredExpiry = number | string | null

/** The settings that an end depends on. */
export interface ExpiryRules {
  readonly sessionCookieAge: number
  readonly sessionExpireAtBrowserClose: boolean
  readonly sessionAbsoluteAge: number | null
  readonly useTz: boolean
  readonly timeZone: string
}

/** How a session keeps a moment: Django's `USE_TZ` and `TIME_ZONE`. */
export type ZoneRules = Pick<ExpiryRules, 'useTz' | 'timeZone'>

/**
 * Microseconds since 1970 of a moment as sessions keep it. With `useTz: false` a text without an offset shows the clocks
 * of the zone.
 */
export function microsOfMoment(text: string, { useTz, timeZone }: ZoneRules): number | null {
  return microsOfIso(text, useTz ? undefined : zoneOffset(timeZone))
}

/** A moment as sessions keep it. A Django with `USE_TZ = False` fails on a text that has an offset, so then there is none. */
export function momentText(micros: number, { useTz, timeZone }: ZoneRules): string {
  return useTz ? isoOfMicros(micros) : isoOfMicros(micros, timeZone)
}

/** Reads `_session_expiry` from its cell; what is neither number nor text counts as absent. */
export function storedExpiry(text: string | undefined): StoredExpiry {
  if (text === undefined) return null
  try {
    const value: unknown = JSON.parse(text)
    return typeof value === 'number' || typeof value === 'string' ? value : null
  } catch {
    return null
  }
}

/**
 * Seconds from `modification` (milliseconds since 1970) until the session ends. Django's `get_expiry_age`: a moment is
 * rounded down, so one microsecond past is -1.
 */
export function expiryAge(stored: StoredExpiry, rules: ExpiryRules, modification: number): number {
  if (typeof stored === 'string' && stored !== '') {
    const moment = microsOfMoment(stored, rules)
    return moment === null ? rules.sessionCookieAge : Math.floor((moment - modification * 1000) / 1e6)
  }
  return typeof stored === 'number' && stored !== 0 ? stored : rules.sessionCookieAge
}

/** The moment the session ends, in milliseconds since 1970. Django's `get_expiry_date`. */
export function expiryMoment(stored: StoredExpiry, rules: ExpiryRules, modification: number): number {
  if (typeof stored === 'string' && stored !== '') {
    const moment = microsOfMoment(stored, rules)
    if (moment !== null) return Math.floor(moment / 1000)
  }
  return modification + expiryAge(stored, rules, modification) * 1000
}

/** Whether the cookie goes when the browser closes. Django's `get_expire_at_browser_close`. */
export function atBrowserClose(stored: StoredExpiry, rules: ExpiryRules): boolean {
  return stored === null ? rules.sessionExpireAtBrowserClose : stored === 0
}

/**
 * The absolute limit of a session, in milliseconds since 1970, or `null` without one: by the setting, or its own, whichever comes first.
 */
export function absoluteEnd(cells: Cells, { sessionAbsoluteAge: age }: ExpiryRules): number | null {
  const end = Math.min(
    age === null ? Number.POSITIVE_INFINITY : secondsIn(cells, BIRTH_KEY) + age,
    secondsIn(cells, END_KEY),
  )
  return Number.isFinite(end) ? end * 1000 : null
}

/** What a cell says, infinity where there is none. */
function secondsIn(cells: Cells, key: string): number {
  const text = cells.get(key)
  const seconds = Number(text)
  return text === undefined || Number.isNaN(seconds) ? Number.POSITIVE_INFINITY : seconds
}

/**
 * Writes the absolute limit into data that are about to be saved, so that a Django beside obeys it too: the birth once,
 * and the limit as `_session_expiry` wherever the session's own expiry would pass it. Ours then slides up to the limit;
 * Django, which knows no such thing, ends the session exactly there.
 */
export function withAbsoluteEnd(cells: Cells, rules: ExpiryRules, now: number): Cells {
  const isBounded = rules.sessionAbsoluteAge !== null
  if (!isBounded && !cells.has(END_KEY)) return cells
  const bounded = new Map(cells)
  if (isBounded && !Number.isFinite(secondsIn(cells, BIRTH_KEY))) bounded.set(BIRTH_KEY, String(Math.floor(now / 1000)))
  const end = absoluteEnd(bounded, rules)
  const stored = storedExpiry(cells.get(EXPIRY_KEY))
  // 0 means "when the browser closes" and must keep saying so; Django then slides it, and we end it at the limit.
  if (end !== null && (stored === null || (stored !== 0 && expiryMoment(stored, rules, now) > end))) {
    bounded.set(EXPIRY_KEY, JSON.stringify(momentText(end * 1000, rules)))
  }
  return bounded
}

/** The stored expiry as the session's owner set it: the limit that `withAbsoluteEnd` wrote is not theirs. */
export function ownExpiry(cells: Cells, rules: ExpiryRules): StoredExpiry {
  const stored = storedExpiry(cells.get(EXPIRY_KEY))
  const end = absoluteEnd(cells, rules)
  return end !== null && stored === momentText(end * 1000, rules) ? null : stored
}

/** How many seconds a session with these data lives from `now`: its own expiry, cut at the absolute limit. */
export function remainingAge(cells: Cells, rules: ExpiryRules, now: number): number {
  const age = expiryAge(ownExpiry(cells, rules), rules, now)
  const end = absoluteEnd(cells, rules)
  return Math.floor((within(now + (end === null ? age * 1000 : Math.min(age * 1000, end - now))) - now) / 1000)
}

/** The moment a session with these data ends, in milliseconds since 1970. */
export function remainingMoment(cells: Cells, rules: ExpiryRules, now: number): number {
  const moment = expiryMoment(ownExpiry(cells, rules), rules, now)
  const end = absoluteEnd(cells, rules)
  return within(end === null ? moment : Math.min(moment, end))
}

/** The end of the year 9999, the last that Python's dates and ours can write. */
export const LAST_MOMENT = 253_402_300_799_000

/** A session that is to end in a million years, or ended before 1970, must not make a date that nothing can store. */
function within(moment: number): number {
  return Math.min(Math.max(moment, 0), LAST_MOMENT)
}
