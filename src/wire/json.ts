import { SessionValueError } from '../errors.js'
import { readJson } from './json-reader.js'
import { hasEscapedKey, quoteString } from './json-string.js'

export { joinObject, splitObject } from './json-object.js'

/** Objects and arrays may nest this deep. It also is what ends the way through an object that contains itself. */
const MAX_DEPTH = 64

/** Whether a value's JSON text is an object or an array, and so can change without being assigned. */
export function isNested(text: string): boolean {
  return (text.charCodeAt(0) | 32) === 123 // { or [
}

/**
 * The value of a JSON text, Python's `NaN`, `Infinity` and `-Infinity` included. Own `__proto__` keys stay data. Throws
 * `SessionValueError`, which does not quote the text.
 */
export function parseJson(text: string): unknown {
  // V8 13.6 (Node 24) takes one escaped character in a key for another, once it has seen the other in an object of the
  // same shape: after `{"\\": 1}` it reads `{"\u2028": 1}` as the same. Django escapes all that is not ASCII.
  if (!hasEscapedKey(text)) {
    try {
      return JSON.parse(text)
    } catch {
      // Perhaps it is Python's NaN.
    }
  }
  try {
    return readJson(text)
  } catch {
    throw new SessionValueError('A stored value is not the JSON it should be.')
  }
}

/**
 * The JSON text of a value as Python's `json.dumps` writes it, compact and in ASCII. Integers are written as integers
 * (JavaScript does not know 1.0), `-0` as `-0.0`, bigints with all their digits, `NaN` and the infinities as Python's
 * bare words; `toJSON` is honoured.
 *
 * `original` is the JSON text this value was parsed from: numbers that did not change, each at its place, are written
 * as they were there, so that a change beside them does not turn Python's `1.0` into `1` or round `2**60 + 1`.
 *
 * Throws `SessionValueError` for what JSON would silently drop or empty (functions, `undefined`, Maps, class instances
 * without `toJSON`) and for nesting past 64 levels. It names the place, never a value.
 */
export function encodeJson(value: unknown, original?: string): string {
  if (typeof value === 'string') return quoteString(value)
  try {
    return encode(value, 1, original === undefined ? undefined : spellingsIn(original))
  } catch (error) {
    if (error instanceof Refused) throw new SessionValueError(error.sentence(value))
    throw error
  }
}

function encode(value: unknown, depth: number, was: unknown): string {
  switch (typeof value) {
    case 'string':
      return quoteString(value)
    case 'number':
      return was instanceof Spelling && Object.is(was.value, value) ? was.token : encodeNumber(value)
    case 'boolean':
      return value ? 'true' : 'false'
    case 'bigint':
      return String(value)
    case 'object':
      return value === null ? 'null' : encodeNested(value, depth, was)
    case 'undefined':
      throw new Refused('is undefined')
    default:
      throw new Refused('is a ' + typeof value)
  }
}

/** `repr(float)` where a number is no integer; where it is one, its digits up to 1e21. */
function encodeNumber(value: number): string {
  if (value === 0) return Object.is(value, -0) ? '-0.0' : '0'
  if (Math.abs(value) >= 1e-4) return String(value)
  return Number.isNaN(value) ? 'NaN' : value.toExponential().replace(/-(\d)$/, '-0$1')
}

function encodeNested(value: object, depth: number, was: unknown): string {
  if (depth > MAX_DEPTH) throw new Refused(`nests deeper than ${MAX_DEPTH} levels`, PLAIN_DATA)
  if (Array.isArray(value)) return encodeArray(value, depth, was)
  const prototype: unknown = Object.getPrototypeOf(value)
  // A plain object: of this realm, of no prototype, or of another realm, whose Object.prototype ends the chain as well.
  const plain = prototype === Object.prototype || prototype === null || Object.getPrototypeOf(prototype) === null
  if (!plain && ArrayBuffer.isView(value)) throw new Refused('is ' + instanceName(value))
  const { toJSON } = value as { toJSON?: unknown }
  if (typeof toJSON === 'function') return encode(toJSON.call(value, ''), depth + 1, was)
  if (!plain) throw new Refused('is ' + instanceName(value))
  return encodeObject(value as Readonly<Record<string, unknown>>, depth, was)
}

function encodeArray(value: readonly unknown[], depth: number, was: unknown): string {
  const before: readonly unknown[] = Array.isArray(was) ? was : []
  let text = ''
  let index = 0
  try {
    for (; index < value.length; index++) {
      text += (index === 0 ? '[' : ',') + encode(value[index], depth + 1, before[index])
    }
  } catch (error) {
    if (error instanceof Refused) error.path.unshift(index)
    throw error
  }
  return text === '' ? '[]' : text + ']'
}

function encodeObject(value: Readonly<Record<string, unknown>>, depth: number, was: unknown): string {
  const before = was !== undefined && isRecord(was) ? was : undefined
  let text = ''
  let key = ''
  try {
    for (key of Object.keys(value)) {
      // What `before` inherits is never a Spelling, so that inherited names need no care.
      text += (text === '' ? '{' : ',') + quoteString(key) + ':' + encode(value[key], depth + 1, before?.[key])
    }
  } catch (error) {
    if (error instanceof Refused) error.path.unshift(key)
    throw error
  }
  return text === '' ? '{}' : text + '}'
}

function isRecord(value: unknown): value is Readonly<Record<string, unknown>> {
  return typeof value === 'object' && value !== null && !Array.isArray(value) && !(value instanceof Spelling)
}

/** A number together with the text that Python wrote it as. */
class Spelling {
  readonly token: string
  readonly value: number
  constructor(token: string) {
    this.token = token
    this.value = Number(token)
  }
}

/** A number that `encodeNumber` would write otherwise: a fraction or exponent, many digits, minus zero. */
const TELLING_NUMBER = /\d[.eE]|\d{16}|-0/

/** The parsed original with `Spelling`s for numbers; `undefined` if there is nothing in it that needs one. */
function spellingsIn(original: string): unknown {
  if (!TELLING_NUMBER.test(original)) return undefined
  try {
    return readJson(original, (token) => new Spelling(token))
  } catch {
    return undefined
  }
}

function instanceName(value: object): string {
  const { constructor: maker } = value as { constructor?: unknown }
  return 'an instance of ' + (typeof maker === 'function' && maker.name !== '' ? maker.name : 'a class')
}

const PLAIN_DATA = 'Store plain data: text, numbers, booleans, null, arrays and plain objects.'

/** So many steps of a path are shown. */
const SHOWN_STEPS = 6

type Path = readonly (string | number)[]

/** Thrown inside, on the way out of a value that cannot be written; collects where it stands. */
class Refused extends Error {
  readonly path: (string | number)[] = []
  readonly what: string
  readonly advice: string
  constructor(what: string, advice = `JSON cannot hold that. ${PLAIN_DATA}`) {
    super(what)
    this.what = what
    this.advice = advice
  }

  sentence(root: unknown): string {
    const circle = circleOn(this.path, root)
    return `The value${placeOf(circle ?? this.path)} ${circle === undefined ? this.what : 'contains itself'}. ${this.advice}`
  }
}

function placeOf(path: Path): string {
  const shown = path.slice(0, SHOWN_STEPS).map(pathStep).join('').replace(/^\./, '')
  return shown === '' ? '' : ` at ${shown}${path.length > SHOWN_STEPS ? '...' : ''}`
}

/** How far along a path something is that was on it before; `undefined` where nothing is. */
function circleOn(path: Path, root: unknown): Path | undefined {
  const above = new Set<unknown>([root])
  let value = root
  for (const [index, step] of path.entries()) {
    value = (value as Readonly<Record<string | number, unknown>>)[step]
    // Behind a toJSON the path goes on in what that gave.
    if (typeof value !== 'object' || value === null) return undefined
    if (above.has(value)) return path.slice(0, index + 1)
    above.add(value)
  }
  return undefined
}

function pathStep(step: string | number): string {
  if (typeof step === 'number') return `[${step}]`
  if (/^[A-Za-z_$][\w$]{0,39}$/.test(step)) return '.' + step
  return `[${quoteString(step.length > 40 ? step.slice(0, 40) + '...' : step)}]`
}
