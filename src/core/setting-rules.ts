/**
 * What a value of a setting may be: small checkers, each with its own description in words, combined in
 * `setting-kinds.ts` and hung into the one table in `settings.ts`.
 */

/** How the text of an environment variable is read before it is checked. `code`: only code can give such a value. */
export type TextForm = 'text' | 'boolean' | 'number' | 'list' | 'json' | 'code'

/**
 * A value that a rule does not take: the offending part, where it is, and a reason if the description is not enough.
 */
export class Refusal {
  readonly given: unknown
  readonly at: string
  readonly why: string

  constructor(given: unknown, why = '', at = '') {
    this.given = given
    this.why = why
    this.at = at
  }
}

/**
 * `In` is what a user may write, `Out` what the rest of sojourn reads. Every `Out` passes the check again unchanged.
 */
export interface Rule<In, Out extends In = In> {
  /** The allowed values, to follow "must be". */
  readonly allowed: string
  readonly text: TextForm
  readonly nullable: boolean
  /** True where no message may show the value. */
  readonly secret: boolean
  check(value: unknown): Out | Refusal
  /** Carries the type for the compiler; never there. */
  readonly input?: In
}

/** A rule from its parts. */
export function rule<In, Out extends In = In>(
  allowed: string,
  text: TextForm,
  check: (value: unknown) => Out | Refusal,
): Rule<In, Out> {
  return { allowed, text, check, nullable: false, secret: false }
}

/** The same rule, whose values stay out of every message. */
export function secret<In, Out extends In>(inner: Rule<In, Out>): Rule<In, Out> {
  return { ...inner, secret: true }
}

/** What `inner` takes, or null. */
export function orNull<In, Out extends In>(inner: Rule<In, Out>): Rule<In | null, Out | null> {
  return {
    ...inner,
    allowed: `${inner.allowed}, or null`,
    nullable: true,
    check: (value) => (value === null ? null : inner.check(value)),
  }
}

/** True or false, and nothing that merely looks like it: `'false'` is a true value in JavaScript. */
export const flag: Rule<boolean> = rule('true or false', 'boolean', (value) =>
  typeof value === 'boolean' ? value : new Refusal(value),
)

/** A text that `pattern` matches wholly (anchor it). */
export function text(allowed: string, pattern: RegExp): Rule<string> {
  return rule(allowed, 'text', (value) =>
    typeof value === 'string' && pattern.test(value) ? value : new Refusal(value),
  )
}

/** A whole number from `min` to `max`. */
export function whole(unit: string, min: number, max: number): Rule<number> {
  const allowed = `a whole number of ${unit} from ${min} to ${max}`
  return rule(allowed, 'number', (value) =>
    typeof value === 'number' && Number.isInteger(value) && value >= min && value <= max ? value : new Refusal(value),
  )
}

/** One of these values. */
export function choice<const Values extends readonly (string | boolean)[]>(...values: Values): Rule<Values[number]> {
  const form: TextForm = values.some((value) => typeof value === 'boolean') ? 'boolean' : 'text'
  return rule<Values[number]>(oneOf(values), form, (value) => {
    return values.find((allowed) => allowed === value) ?? new Refusal(value)
  })
}

/** One of these short names, or the dotted path that Django has for it. */
export function named<const Paths extends Readonly<Record<string, string>>>(
  paths: Paths,
): Rule<(keyof Paths & string) | Paths[keyof Paths], keyof Paths & string> {
  type Short = keyof Paths & string
  const names = Object.keys(paths) as Short[]
  return rule<Short | Paths[Short], Short>(`${oneOf(names)} (Django's dotted path will do)`, 'text', (value) => {
    return names.find((name) => name === value || paths[name] === value) ?? new Refusal(value)
  })
}

/** A list, each item of which `item` takes. */
export function list<In, Out extends In>(item: Rule<In, Out>, least = 0): Rule<readonly In[], readonly Out[]> {
  const allowed = `a list ${least > 0 ? `of at least ${least}` : ''}, each item of it ${item.allowed}`.replace(
    ' ,',
    ',',
  )
  const checked = rule<readonly In[], readonly Out[]>(allowed, 'list', (value) => {
    if (!Array.isArray(value) || value.length < least) return new Refusal(value)
    const items: Out[] = []
    for (let index = 0; index < value.length; index++) {
      const result = item.check(value[index])
      if (result instanceof Refusal) return new Refusal(result.given, result.why, `item ${index}`)
      items.push(result)
    }
    return Object.freeze(items)
  })
  return { ...checked, secret: item.secret }
}

/** A plain object with these keys and values; kept without a prototype, so that `__proto__` is a key like any other. */
export function record<In, Out extends In>(
  allowed: string,
  key: RegExp,
  item: Rule<In, Out>,
): Rule<Readonly<Record<string, In>>, Readonly<Record<string, Out>>> {
  const checked = rule<Readonly<Record<string, In>>, Readonly<Record<string, Out>>>(allowed, 'json', (value) => {
    if (!isPlainObject(value)) return new Refusal(value)
    const entries: Record<string, Out> = Object.create(null) as Record<string, Out>
    for (const [name, given] of Object.entries(value)) {
      if (!key.test(name)) return new Refusal(name, '', 'one of its keys')
      const result = item.check(given)
      if (result instanceof Refusal) {
        const at = result.at === '' ? `its ${name}` : `${result.at} in its ${name}`
        return new Refusal(result.given, result.why, at)
      }
      entries[name] = result
    }
    return Object.freeze(entries)
  })
  return { ...checked, secret: item.secret }
}

/** An object literal, as opposed to a list, a class's instance or a function. */
export function isPlainObject(value: unknown): value is Record<string, unknown> {
  if (typeof value !== 'object' || value === null) return false
  const prototype: unknown = Object.getPrototypeOf(value)
  return prototype === null || prototype === Object.prototype || Object.getPrototypeOf(prototype) === null
}

/** `'a', 'b' or true`, as messages and the reference page list them. */
export function oneOf(values: readonly (string | boolean)[]): string {
  const shown = values.map((value) => (typeof value === 'string' ? `'${value}'` : String(value)))
  return shown.length < 2 ? shown.join('') : `${shown.slice(0, -1).join(', ')} or ${shown.at(-1)}`
}

const SHOWN_CHARACTERS = 72

/**
 * A value in a few harmless words. Of a secret only its type; of an object never its contents, and no method of it is
 * called. Everything but printable ASCII is escaped, so that a message cannot break a line of a log.
 */
export function describe(value: unknown, hidden = false): string {
  if (value === null || value === undefined) return String(value)
  if (Array.isArray(value)) return `a list of ${value.length}`
  if (value instanceof Uint8Array) return value.length === 0 ? 'no bytes at all' : 'bytes'
  if (typeof value === 'object') return 'an object'
  if (typeof value === 'function') return 'a function'
  if (value === '') return 'an empty text'
  if (hidden || typeof value === 'symbol') return `a ${typeof value === 'string' ? 'text' : typeof value}`
  if (typeof value !== 'string') return `the ${typeof value} ${String(value)}`
  if (/:\/\/[^/]*@/.test(value)) return 'a URL with a user or password in it'
  return `the text ${quoteShort(value)}`
}

/** A text in quotes, cut to a glance and escaped. */
export function quoteShort(value: string): string {
  const cut = value.length > SHOWN_CHARACTERS ? `${value.slice(0, SHOWN_CHARACTERS)}...` : value
  const escaped = cut.replace(/[^\x20-\x7e]/g, (character) => {
    return `\\u${character.charCodeAt(0).toString(16).padStart(4, '0')}`
  })
  return `'${escaped}'`
}
