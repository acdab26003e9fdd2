import { readFileSync } from 'node:fs'
import { isDeepStrictEqual } from 'node:util'

/** One question to Django and its answer. See README.md beside this file. */
export interface VectorCase {
  readonly kind: string
  readonly name: string
  readonly input: unknown
  readonly expected: unknown
  readonly django: readonly string[]
}

export interface VectorFile {
  readonly about: { readonly django: readonly string[] }
  readonly cases: readonly VectorCase[]
}

export interface Difference {
  readonly expected: unknown
  readonly got: unknown
}

/** A single case of a kind that is reached otherwise, and why it is not. */
export interface NotReached {
  readonly notReached: string
}

export type Verdict = 'pass' | Difference | NotReached

/** What answers the cases of one kind. Throwing is a failure of the case. */
export type Check = (vector: VectorCase) => Verdict | Promise<Verdict>

export interface Failure extends VectorCase {
  readonly got: unknown
}

export interface Unreached extends VectorCase {
  readonly reason: string
}

export interface KindResult {
  readonly kind: string
  readonly passed: number
  readonly failed: number
  readonly notReached: number
}

export interface Report {
  readonly kinds: readonly KindResult[]
  readonly failures: readonly Failure[]
  /** Cases that an entry passed over; those of kinds without an entry are only counted. */
  readonly notReached: readonly Unreached[]
}

/** An entry of a table of kinds, with the types of what its cases hold. */
export function check<I, E>(answer: (input: I, expected: E) => Verdict | Promise<Verdict>): Check {
  return (vector) => answer(vector.input as I, vector.expected as E)
}

export function same(expected: unknown, got: unknown): Verdict {
  return isDeepStrictEqual(expected, got) ? 'pass' : { expected, got }
}

/** The first verdict that is no pass. */
export function all(...verdicts: readonly Verdict[]): Verdict {
  return verdicts.find((verdict) => verdict !== 'pass') ?? 'pass'
}

/** Throws if the file cannot be read or has another layout. */
export function readVectors(file: string | URL): VectorFile {
  const content = JSON.parse(readFileSync(file, 'utf8')) as Partial<VectorFile> | null
  const versions = content?.about?.django
  if (!Array.isArray(versions) || versions.length === 0 || !Array.isArray(content?.cases)) {
    throw new TypeError('no vectors: about.django and cases are expected')
  }
  for (const { kind, name, django, input, expected } of content.cases as readonly Partial<VectorCase>[]) {
    const whole = typeof kind === 'string' && typeof name === 'string' && Array.isArray(django)
    if (!whole || input === undefined || expected === undefined) throw new TypeError('a case lacks one of its parts')
  }
  return content as VectorFile
}

/** The answers of the newest Django that the file lists. */
export function newestCases({ about, cases }: VectorFile): readonly VectorCase[] {
  const newest = about.django.reduce((a, b) => (compareVersions(a, b) < 0 ? b : a))
  return cases.filter(({ django }) => django.includes(newest))
}

function compareVersions(a: string, b: string): number {
  return a.localeCompare(b, 'en', { numeric: true })
}

/** Runs cases one after the other. A kind that the table has no entry for is counted as not reached. */
export async function runVectors(
  cases: readonly VectorCase[],
  checks: Readonly<Record<string, Check>>,
): Promise<Report> {
  const results = new Map<string, { passed: number; failed: number; notReached: number }>()
  const failures: Failure[] = []
  const notReached: Unreached[] = []
  for (const vector of cases) {
    const result = results.get(vector.kind) ?? { passed: 0, failed: 0, notReached: 0 }
    results.set(vector.kind, result)
    const answer = Object.hasOwn(checks, vector.kind) ? checks[vector.kind] : undefined
    if (answer === undefined) {
      result.notReached++
      continue
    }
    const verdict = await answerOf(answer, vector)
    if (verdict === 'pass') result.passed++
    else if ('notReached' in verdict) {
      result.notReached++
      notReached.push({ ...vector, reason: verdict.notReached })
    } else {
      result.failed++
      failures.push({ ...vector, ...verdict })
    }
  }
  return { kinds: [...results].map(([kind, result]) => ({ kind, ...result })), failures, notReached }
}

async function answerOf(answer: Check, vector: VectorCase): Promise<Verdict> {
  try {
    return await answer(vector)
  } catch (error) {
    return { expected: vector.expected, got: `thrown: ${error}` }
  }
}

/** The table that `npm run vectors` prints. */
export function formatReport({ kinds, failures, notReached }: Report): string {
  const total = { kind: 'total', passed: 0, failed: 0, notReached: 0 }
  for (const { passed, failed, notReached } of kinds) {
    total.passed += passed
    total.failed += failed
    total.notReached += notReached
  }
  const width = Math.max(...[...kinds, total].map(({ kind }) => kind.length))
  const row = (name: string, ...columns: readonly (string | number)[]): string =>
    name.padEnd(width) + columns.map((column) => String(column).padStart(13)).join('')
  const rows = [...kinds, total].map((result) => row(result.kind, result.passed, result.failed, result.notReached))
  const lines = [row('kind', 'passed', 'failed', 'not reached'), ...rows]
  const reasons = new Map<string, number>()
  for (const { kind, reason } of notReached) {
    const line = `${kind}: ${reason}`
    reasons.set(line, (reasons.get(line) ?? 0) + 1)
  }
  if (reasons.size > 0) lines.push('')
  for (const [line, count] of reasons) lines.push(`not reached, ${count} of ${line}`)
  for (const { kind, name, expected, got } of failures) {
    lines.push('', `FAILED ${kind}: ${name}`, `  expected ${shortened(expected)}`, `  got      ${shortened(got)}`)
  }
  return lines.join('\n')
}

function shortened(value: unknown): string {
  const text = JSON.stringify(value) ?? String(value)
  return text.length > 300 ? `${text.slice(0, 300)}... (${text.length} characters)` : text
}
