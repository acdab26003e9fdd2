import type { Server } from 'node:http'
import { isInCookies, likenessOf, packagesOfStore, type ServerName, type StoreName } from './stores.js'

export type { ServerName, StoreName } from './stores.js'

export type Framework = 'node' | 'express' | 'fastify' | 'koa' | 'hono'

/** What is measured on the servers; each is a file of this folder. */
export type Module =
  | 'bare'
  | 'floor'
  | 'sojourn'
  | 'express-session'
  | 'cookie-session'
  | 'iron-session'
  | 'fastify-session'
  | 'secure-session'
  | 'koa-session'
  | 'hono-sessions'

/** Something that is measured. Its module is loaded in the process that is measured and nowhere else. */
export interface Subject {
  readonly name: string
  readonly module: Module
  readonly framework: Framework
  /** `null` for the bare servers and for a middleware that does nothing. */
  readonly store: StoreName | null
}

/** What a subject's module is given to make its server. */
export interface Setup extends Subject {
  /** Where a database file may be made, and a folder beside it; nobody else uses it. */
  readonly file: string
  /** Where the servers are that its store needs. They are empty. */
  readonly urls: Readonly<Partial<Record<ServerName, string>>>
  /**
   * Only in the untimed pass that counts store operations: each call of these methods, on the object or on what has it for a
   * prototype, counts. What is asked of a server is counted there.
   */
  readonly count?: (owner: object, methods: readonly string[]) => void
}

/** What every module in this folder exports as `serve`. */
export type Serve = (setup: Setup) => Server | Promise<Server>

const frameworks = ['node', 'express', 'fastify', 'koa', 'hono'] as const
const named = { node: 'node:http', express: 'Express 5', fastify: 'Fastify 5', koa: 'Koa 3', hono: 'Hono 4' } as const
const packagesOfFramework = {
  node: [],
  express: ['express'],
  fastify: ['fastify'],
  koa: ['koa'],
  hono: ['hono', '@hono/node-server'],
} as const

const all: Readonly<Record<Framework, readonly (readonly [Module, string, ...(readonly Subject['store'][])])[]>> = {
  node: [
    [
      'floor',
      'floor',
      'memory',
      'SQLite',
      'PostgreSQL',
      'PostgreSQL by postgres.js',
      'MariaDB',
      'Redis',
      'Redis by ioredis',
      'Memcached',
      'file',
      'file without sync',
      'PostgreSQL and Redis',
    ],
    [
      'sojourn',
      'sojourn',
      'memory',
      'SQLite',
      'PostgreSQL',
      'PostgreSQL by postgres.js',
      'MariaDB',
      'Redis',
      'Redis by ioredis',
      'Memcached',
      'file',
      'file without sync',
      'PostgreSQL and Redis',
      'signed cookies',
    ],
    ['express-session', 'express-session', 'memory', 'SQLite', 'PostgreSQL', 'Redis'],
    ['cookie-session', 'cookie-session', 'signed cookies'],
    ['iron-session', 'iron-session', 'encrypted cookies'],
  ],
  express: [
    ['bare', 'empty middleware', null],
    ['sojourn', 'sojourn', 'memory', 'SQLite', 'PostgreSQL', 'Redis', 'signed cookies'],
    ['express-session', 'express-session', 'memory', 'SQLite', 'PostgreSQL', 'Redis'],
    ['cookie-session', 'cookie-session', 'signed cookies'],
  ],
  fastify: [
    ['sojourn', 'sojourn', 'memory', 'SQLite', 'Redis', 'signed cookies'],
    ['fastify-session', '@fastify/session', 'memory', 'Redis'],
    ['secure-session', '@fastify/secure-session', 'encrypted cookies'],
  ],
  koa: [
    ['sojourn', 'sojourn', 'memory', 'SQLite', 'Redis', 'signed cookies'],
    ['koa-session', 'koa-session', 'memory', 'Redis', 'signed cookies'],
  ],
  hono: [
    ['sojourn', 'sojourn', 'memory', 'SQLite', 'Redis', 'signed cookies'],
    ['hono-sessions', 'hono-sessions', 'memory', 'encrypted cookies'],
  ],
}

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
  ...all[framework].flatMap(([module, what, ...stores]) => of(framework, module, what, ...stores)),
])

export function isBare(subject: Subject): boolean {
  return subject.name === baseOf(subject)
}

/** The name of the subject that the added cost is counted from. */
export function baseOf(subject: Pick<Subject, 'framework'>): string {
  return `${named[subject.framework]}, bare`
}

/** Whether it keeps sessions as a library does: no bare server, nothing written by hand. */
export function isLibrary({ module }: Pick<Subject, 'module'>): boolean {
  return module !== 'bare' && module !== 'floor'
}

/** A cookie holds 4 KB. That reading moves the end is a matter of Redis here, where one command can do both. */
export function canRun({ store }: Subject, workload: string): boolean {
  if (workload === 'large') return !isInCookies(store)
  if (workload === 'sliding') return store === null || slides(store)
  return true
}

/** Whether the path `/sliding` is set up so that a read moves the end of the session. */
export function slides(store: StoreName | null): boolean {
  return store !== null && likenessOf(store) === 'Redis'
}

const packagesOfModule: Readonly<Record<Module, readonly string[]>> = {
  bare: [],
  floor: [],
  sojourn: [],
  'express-session': ['express-session'],
  'cookie-session': ['cookie-session'],
  'iron-session': ['iron-session'],
  'fastify-session': ['@fastify/session'],
  'secure-session': ['@fastify/secure-session'],
  'koa-session': ['koa-session'],
  'hono-sessions': ['hono-sessions'],
}

const packagesOfPeerStores: Readonly<Partial<Record<StoreName, string>>> = {
  SQLite: 'better-sqlite3-session-store',
  PostgreSQL: 'connect-pg-simple',
  Redis: 'connect-redis',
}

/** The packages that a subject is made of. */
export function packagesOf({ module, framework, store }: Subject): readonly string[] {
  const isPeer = isLibrary({ module }) && module !== 'sojourn'
  // koa-session speaks to no store by itself.
  const adapter = isPeer && store !== null && module !== 'koa-session' ? packagesOfPeerStores[store] : undefined
  return [
    ...packagesOfFramework[framework],
    ...packagesOfModule[module],
    ...packagesOfStore(store),
    ...(adapter === undefined ? [] : [adapter]),
  ]
}
