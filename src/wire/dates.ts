/** The three ways in which Django writes a moment: in HTTP headers, in session data and in SQLite's text columns. */

const DAY = 86_400_000

let lastSecond = Number.NaN
let lastText = ''

/** Mirrors `django.utils.http.http_date`: seconds since 1970, rounded down, as `Tue, 14 Nov 2023 22:13:20 GMT`. */
export function httpDate(seconds: number): string {
  const second = Math.floor(seconds)
  if (second !== lastSecond) {
    lastText = new Date(second * 1000).toUTCString()
    lastSecond = second
  }
  return lastText
}

const ISO =
  /^(\d{4})-(\d\d)-(\d\d)[T ](\d\d):(\d\d)(?::(\d\d)(?:[.,](\d+))?)?(?:(Z)|([+-])(\d\d):?(\d\d)(?::?(\d\d)(?:\.(\d{1,6}))?)?)?$/

/**
 * Microseconds since 1970 of a Python `isoformat()` text; `null` if it is none. Exact until the year 2255, to 32
 * microseconds at worst after it. A text without an offset has no moment of its own: `null`, unless `offsetOf` says what
 * its zone is ahead of UTC, in milliseconds, at such a reading of its clocks (`zoneOffset` makes one).
 */
export function microsOfIso(text: string, offsetOf?: (reading: number) => number): number | null {
  const match = ISO.exec(text)
  if (match === null) return null
  const [, year, month, day, hour, minute, second, fraction, utc, sign, offHour, offMinute, offSecond, offFraction] =
    match
  const reading = readingOf(year, month, day, hour, minute, second)
  if (reading === null) return null
  const micros = reading * 1000 + Number((fraction ?? '').slice(0, 6).padEnd(6, '0'))
  if (utc !== undefined) return micros
  if (sign === undefined) return offsetOf === undefined ? null : micros - offsetOf(reading) * 1000
  const offset = (Number(offHour) * 60 + Number(offMinute)) * 60 + Number(offSecond ?? 0)
  if (offset >= 86_400 || Number(offMinute) > 59 || Number(offSecond ?? 0) > 59) return null
  const offsetMicros = offset * 1_000_000 + Number((offFraction ?? '').padEnd(6, '0'))
  return sign === '-' ? micros + offsetMicros : micros - offsetMicros
}

/** What clocks show, as if they showed UTC, in milliseconds; `null` for a 30th of February. */
function readingOf(...fields: readonly (string | undefined)[]): number | null {
  const [year = 0, month = 0, day = 0, hour = 0, minute = 0, second = 0] = fields.map((field) => Number(field ?? 0))
  if (year < 1 || month < 1 || month > 12 || day < 1 || hour > 23 || minute > 59 || second > 59) return null
  const date = new Date(0)
  date.setUTCFullYear(year, month - 1, day) // Date.UTC would take the year 99 for 1999
  if (date.getUTCDate() !== day) return null
  return date.getTime() + ((hour * 60 + minute) * 60 + second) * 1000
}

/**
 * Mirrors Python's `isoformat()` of a moment in UTC: `2031-05-06T07:08:09.123456+00:00`, no fraction when it is zero. With
 * `zone`, what its clocks show then, without an offset, as Django writes it with `USE_TZ = False`.
 */
export function isoOfMicros(micros: number, zone?: string): string {
  if (zone === undefined) return clockText(micros, 'T') + '+00:00'
  return clockText(micros + offsetAt(zone, micros / 1000) * 1000, 'T')
}

/** The last few seconds that were written: a busy site writes the same ones, now and two weeks from now, all the time. */
const seconds = new Map<string, Map<number, string>>([
  ['T', new Map()],
  [' ', new Map()],
])
const SECONDS_KEPT = 16

function clockText(micros: number, between: 'T' | ' '): string {
  const second = Math.floor(micros / 1_000_000)
  const known = seconds.get(between) as Map<number, string>
  let clock = known.get(second)
  if (clock === undefined) {
    clock = secondText(second, between)
    if (known.size === SECONDS_KEPT) known.clear()
    known.set(second, clock)
  }
  const fraction = Math.floor(micros - second * 1_000_000)
  return fraction === 0 ? clock : clock + '.' + String(fraction).padStart(6, '0')
}

/** Throws `RangeError` outside of the years 1 to 9999, as Python does. */
function secondText(second: number, between: string): string {
  const text = new Date(second * 1000).toISOString()
  if (text.length !== 24 || text.startsWith('0000')) throw new RangeError('Dates are of the years 1 to 9999.')
  return text.slice(0, 10) + between + text.slice(11, 19)
}

/**
 * A moment (milliseconds since 1970) as Django keeps it in SQLite: UTC, or the clocks of `zone` where Django runs with
 * `USE_TZ = False`. SQLite compares these as text, so the blank and the six digits matter.
 */
export function sqliteDate(ms: number, zone?: string): string {
  const offset = zone === undefined || zone === 'UTC' ? 0 : offsetAt(zone, ms)
  return clockText(Math.round((ms + offset) * 1000), ' ')
}

/** The moment that `sqliteDate` wrote, in milliseconds since 1970; `null` if the text is none of its kind. */
export function msOfSqliteDate(text: string, zone?: string): number | null {
  const micros = microsOfIso(text, zone === undefined || zone === 'UTC' ? () => 0 : zoneOffset(zone))
  return micros === null ? null : micros / 1000
}

/**
 * How far the clocks of an IANA zone that show `reading` are ahead of UTC, in milliseconds. An hour that comes twice
 * means its first coming, an hour that is skipped the clocks before the change, as Python's `fold=0`.
 */
export function zoneOffset(zone: string): (reading: number) => number {
  return (reading) => {
    const before = offsetAt(zone, reading - DAY)
    if (offsetAt(zone, reading - before) === before) return before
    const after = offsetAt(zone, reading + DAY)
    return offsetAt(zone, reading - after) === after ? after : before
  }
}

interface Zone {
  readonly format: Intl.DateTimeFormat
  quarter: number
  offset: number
}

const zones = new Map<string, Zone>()
const QUARTER = 900_000

/** Zones change their offset at full quarters of an hour, so the last quarter's answer is kept: asking costs microseconds. */
function offsetAt(name: string, ms: number): number {
  let zone = zones.get(name)
  if (zone === undefined) {
    zone = { format: new Intl.DateTimeFormat('en-US', zoneFormat(name)), quarter: Number.NaN, offset: 0 }
    zones.set(name, zone)
  }
  const quarter = Math.floor(ms / QUARTER)
  if (quarter !== zone.quarter) {
    zone.offset = measureOffset(zone.format, quarter * QUARTER)
    zone.quarter = quarter
  }
  return zone.offset
}

function zoneFormat(timeZone: string): Intl.DateTimeFormatOptions {
  const two = '2-digit'
  return {
    timeZone,
    hourCycle: 'h23',
    era: 'short',
    year: 'numeric',
    month: two,
    day: two,
    hour: two,
    minute: two,
    second: two,
  }
}

function measureOffset(format: Intl.DateTimeFormat, ms: number): number {
  const parts = new Map(format.formatToParts(ms).map(({ type, value }) => [type, value]))
  const [year, ...rest] = (['year', 'month', 'day', 'hour', 'minute', 'second'] as const).map((type) => parts.get(type))
  const reading = readingOf(year, ...rest)
  return reading === null || parts.get('era') === 'BC' ? 0 : reading - ms
}
