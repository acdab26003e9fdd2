/** What the runtimes that run sojourn can do, and what they cannot: the one place that tells them apart. */
export interface Runtime {
  /** As messages call it. */
  readonly name: string
  /** What opens SQLite files, in the order in which they are asked for: what is built in comes first. */
  readonly sqlite: readonly SqliteModule[]
  /** What to do where none of them is there. */
  readonly withoutSqlite: string
  /** Whether there are files that the next request and the next process find again. */
  readonly files: boolean
  /**
   * Whether what one request opened or promised is of use to another: a pool's connections, a turn that is waited for. Workers refuse the
   * first, and of the second nobody hears any more once its request was cut off.
   */
  readonly shares: boolean
  /** Whether packages load that were compiled for Node. */
  readonly addons: boolean
  /** The most rounds of PBKDF2 that it makes. Workers refuse more in production, and their local copies do not. */
  readonly mostIterations: number
}

export type SqliteModule = 'node:sqlite' | 'bun:sqlite' | 'better-sqlite3'

export type RuntimeName = 'node' | 'bun' | 'deno' | 'workers'

const NEWER = 'use a newer version, which has its own'
const SERVER = { files: true, shares: true, addons: true, mostIterations: Number.POSITIVE_INFINITY } as const

export const runtimes: Readonly<Record<RuntimeName, Runtime>> = {
  node: {
    ...SERVER,
    name: 'Node',
    sqlite: ['node:sqlite', 'better-sqlite3'],
    withoutSqlite: 'run `npm install better-sqlite3`, or use Node 22.13 or newer, which has its own',
  },
  bun: { ...SERVER, name: 'Bun', sqlite: ['node:sqlite', 'bun:sqlite'], withoutSqlite: NEWER },
  deno: { ...SERVER, name: 'Deno', sqlite: ['node:sqlite'], withoutSqlite: NEWER },
  workers: {
    name: 'Cloudflare Workers',
    sqlite: [],
    withoutSqlite: 'hand over a D1 database, databases: { default: env.DB }',
    files: false,
    shares: false,
    addons: false,
    mostIterations: 100_000,
  },
}

/** The runtime at hand; Node where nobody says another name. */
export const runtime: Runtime = runtimes[nameOf(globalThis as Globals)]

interface Globals {
  readonly navigator?: { readonly userAgent?: string }
  readonly Bun?: unknown
  readonly Deno?: unknown
}

function nameOf({ navigator, Bun, Deno }: Globals): RuntimeName {
  if (navigator?.userAgent === 'Cloudflare-Workers') return 'workers'
  if (Bun !== undefined) return 'bun'
  return Deno === undefined ? 'node' : 'deno'
}
