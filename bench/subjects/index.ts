import type { Server } from 'node:http'

export type Framework = 'node' | 'express'
export type StoreName = 'memory' | 'SQLite' | 'signed cookies'

/** Something that is measured. Its module is loaded in the process that is measured and nowhere else. */
export interface Subject {
  readonly name: string
  readonly module: 'bare' | 'floor' | 'sojourn' | 'express-session'
  readonly framework: Framework
  /** `null` for the bare servers and for a middleware that does nothing. */
  readonly store: StoreName | null
}

/** What a subject's module is given to make its server. */
export interface Setup extends Subject {
  /** Where a database file may be made; nobody else uses it. */
  readonly file: string
  /**
   * Only in the untimed pass that counts store operations: each call of these methods, on the object or on what has it for a
   * prototype, counts.
   */
  readonly count?: (owner: object, methods: readonly string[]) => void
}

/** What every module in this folder exports as `serve`. */
export type Serve = (setup: Setup) => Server | Promise<Server>

const frameworks = ['node', 'express'] as const
const named = { node: 'node:http', express: 'Express 5' } as const

function of(
  framework: Framework,
  module: Subject['module'],
  what: string,
  ...stores: readonly Subject['store'][]
): Subject[] {
  return stores.map((store) => {
    const name = [named[framework], what, store].filter(Boolean).join(', ')
    return { name, module, framework, store }
  })
}

/** The bare server of each framework comes first: what the others add is counted from it. */
export const subjects: readonly Subject[] = frameworks.flatMap((framework) => [
  ...of(framework, 'bare', 'bare', null),
  ...(framework === 'express' ? of(framework, 'bare', 'empty middleware', null) : []),
  ...(framework === 'node' ? of(framework, 'floor', 'floor', 'memory', 'SQLite') : []),
  ...of(framework, 'sojourn', 'sojourn', 'memory', 'SQLite', 'signed cookies'),
  ...of(framework, 'express-session', 'express-session', 'memory', 'SQLite'),
])

export function isBare(subject: Subject): boolean {
  return subject.name === baseOf(subject)
}

/** The name of the subject that the added cost is counted from. */
export function baseOf(subject: Pick<Subject, 'framework'>): string {
  return `${named[subject.framework]}, bare`
}

/** A cookie holds 4 KB. */
export function canRun(subject: Subject, workload: string): boolean {
  return !(workload === 'large' && subject.store === 'signed cookies')
}
