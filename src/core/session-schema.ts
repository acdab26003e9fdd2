import { ImproperlyConfigured, type SchemaIssue, SessionSchemaMismatch } from '../errors.js'
import { isPromise } from './maybe.js'
import { Refusal, type Rule, rule } from './setting-rules.js'
import type { MaybePromise, SiteEvents } from './types.js'

/**
 * What describes the data of a session: any Standard Schema of an object, such as zod, valibot and arktype make. As much of
 * https://standardschema.dev, version 1, as is needed to ask one.
 */
export interface SessionSchema<T extends object = object> {
  readonly '~standard': {
    readonly version: 1
    readonly vendor: string
    readonly validate: (value: unknown) => MaybePromise<SchemaResult>
    readonly types?: { readonly input: T; readonly output: unknown } | undefined
    /** Where it describes itself (Standard JSON Schema, version 1): what it takes. Throws for what JSON Schema has no words for. */
    readonly jsonSchema?: { readonly input: (options: JsonSchemaOptions) => unknown } | undefined
  }
}

interface JsonSchemaOptions {
  readonly target: 'draft-2020-12'
  readonly libraryOptions?: Record<string, unknown> | undefined
}

/** `issues` is there where the value does not fit. */
export interface SchemaResult {
  readonly issues?: readonly SchemaIssue[] | undefined
}

/**
 * The data that a schema takes. A session keeps what was put into it, so this is the schema's input: it checks, and changes nothing.
 *
 * @example
 * ```ts
 * import type { SchemaData } from 'sojourn'
 * import { z } from 'zod'
 *
 * const schema = z.object({ username: z.string(), cart: z.array(z.string()) })
 * // In your own file: declare module 'sojourn' { interface SessionData extends SchemaData<typeof schema> {} }
 * const cart: SchemaData<typeof schema>['cart'] = ['book']
 * ```
 */
export type SchemaData<S extends SessionSchema> = NonNullable<S['~standard']['types']>['input']

/** Keys of sojourn's, of Django's and of what stands on it (`_auth_user_id`), and the test cookie's. */
const NOT_OURS_TO_CHECK = /^(?:_|testcookie$)/
/** Names that are printed, where nobody listens: visitors may choose some. */
const MOST_NAMES = 50

const AT_ONCE = 'It answers with a promise, and a session is read and written at once.'
/** zod asks again, and later, where a check threw. */
const AT_ONCE_OR_THREW = `${AT_ONCE} One of its checks is asynchronous, or throws.`
const KEY_BY_KEY = 'It finds more wrong with an empty session than what is missing: each key must stand for itself.'
const A_UNION =
  'It is a union of objects: asked of one key alone, it would let everything pass that one of them does not know. Each key must stand for itself.'
/** So that zod and arktype describe also what JSON Schema has no words for (dates): what is asked for is only whether it is one object. */
const ANY_WORDS = { unrepresentable: 'any', fallback: ({ base }: { readonly base: unknown }) => base }

/** The setting. What a schema says of a session without data shows whether it can be asked key by key. */
export const sessionSchema: Rule<SessionSchema> = rule(
  'a Standard Schema of an object, such as z.object({ username: z.string() })',
  'code',
  (value) => {
    const { '~standard': standard } = (value ?? {}) as Partial<SessionSchema>
    if (standard?.version !== 1 || typeof standard.validate !== 'function') return new Refusal(value)
    const result = standard.validate({})
    if (isPromise(result)) {
      result.catch(() => undefined)
      return new Refusal(value, AT_ONCE)
    }
    const isWhole = result.issues?.some(({ path }) => nameIn(path) === undefined)
    if (isWhole) return new Refusal(value, KEY_BY_KEY)
    const isUnion = result.issues?.some(isOfUnion) || isUnionInWords(standard)
    return isUnion ? new Refusal(value, A_UNION) : (value as SessionSchema)
  },
)

/**
 * Whether an issue says that nothing tells which of several objects this should be. To whoever knows only its path it looks like a key that is
 * missing, so it is told by what its maker writes of it: zod 4, zod 3, and valibot's `variant`.
 */
function isOfUnion(issue: SchemaIssue): boolean {
  const { discriminator, code, type } = issue as Readonly<Record<string, unknown>> & SchemaIssue
  // One that lies deeper is within a value, and is nobody's affair.
  if (issue.path?.length !== 1) return false
  return discriminator !== undefined || code === 'invalid_union_discriminator' || type === 'variant'
}

/** Whether a schema that describes itself says that it takes one of several objects, by itself or as a part of what it takes. */
function isUnionInWords({ jsonSchema }: SessionSchema['~standard']): boolean {
  if (typeof jsonSchema?.input !== 'function') return false
  try {
    return hasChoice(jsonSchema.input({ target: 'draft-2020-12', libraryOptions: ANY_WORDS }) as Words)
  } catch {
    return false
  }
}

type Words = Readonly<Record<string, unknown>>

/** `known`: names that were followed already, since a schema may speak of itself. */
function hasChoice(words: Words, all: Words = words, known: readonly unknown[] = []): boolean {
  const { $ref, anyOf, oneOf, allOf } = words
  const next = (each: Words): boolean => hasChoice(each, all, [...known, $ref])
  if (typeof $ref === 'string' && !known.includes($ref)) return next(named($ref, all))
  const objects = listOf(anyOf ?? oneOf).filter(({ type }) => type !== 'null')
  return objects.length > 1 || [...objects, ...listOf(allOf)].some(next)
}

function listOf(words: unknown): readonly Words[] {
  return Array.isArray(words) ? (words as readonly Words[]) : []
}

/** What a reference within a schema names: `#/$defs/User`. */
function named(reference: string, all: Words): Words {
  const steps = reference.split('/').slice(1)
  return steps.reduce((at, step) => (at[step] ?? {}) as Words, all)
}

/** A site's schema, which is asked of one key at a time, and only of those that are used: each key may be missing. */
export class SchemaCheck {
  readonly #schema: SessionSchema
  readonly #tell: (event: SiteEvents['session_schema_mismatch']) => boolean
  readonly #printed = new Set<string>()

  /** `tell` says whether anybody listens. */
  constructor(schema: SessionSchema, tell: (event: SiteEvents['session_schema_mismatch']) => boolean) {
    this.#schema = schema
    this.#tell = tell
  }

  /** Throws `SessionSchemaMismatch` for a value that is not to be kept under this name. */
  refuse(name: string, value: unknown): void {
    const issues = this.#issues(name, value)
    if (issues !== null) throw new SessionSchemaMismatch(name, issues)
  }

  /** Whether a stored value fits. Of one that does not the site tells, or prints its name once where nobody listens. */
  fits(name: string, value: unknown): boolean {
    const issues = this.#issues(name, value)
    if (issues === null) return true
    const isHeard = this.#tell({ name, issues: () => issues })
    if (!isHeard && !this.#printed.has(name) && this.#printed.size < MOST_NAMES) {
      this.#printed.add(name)
      console.error(
        "sojourn: a stored '%s' does not fit sessionSchema and is passed over (event session_schema_mismatch)",
        name,
      )
    }
    return false
  }

  #issues(name: string, value: unknown): readonly SchemaIssue[] | null {
    if (NOT_OURS_TO_CHECK.test(name)) return null
    const result = this.#schema['~standard'].validate({ [name]: value })
    if (isPromise(result)) {
      result.catch(() => undefined)
      throw new ImproperlyConfigured(`The setting sessionSchema cannot be used. ${AT_ONCE_OR_THREW}`)
    }
    // Other keys are missing, which is nobody's fault. What is said of the whole is said of this key: there is no other.
    const issues = result.issues?.filter(({ path }) => (nameIn(path) ?? name) === name) ?? []
    return issues.length === 0 ? null : issues
  }
}

/** The top-level key that an issue is about; `undefined` for one that is about the whole. */
function nameIn(path: SchemaIssue['path']): PropertyKey | undefined {
  const [first] = path ?? []
  return typeof first === 'object' ? first.key : first
}
