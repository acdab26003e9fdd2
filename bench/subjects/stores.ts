/** What a store needs to be there, and with which others it may be compared. */
interface StoreKind {
  readonly servers?: readonly ServerName[]
  /** The packages that speak to it. */
  readonly packages?: readonly string[]
  /** The store whose name stands for all that do the same work. */
  readonly like?: StoreName
  /** Milliseconds after a request in which it is still asked because of it. */
  readonly aftermath?: number
}

/** The servers that a run starts, if a chosen subject needs them. */
export type ServerName = 'postgres' | 'mariadb' | 'redis' | 'memcached'

export type StoreName =
  | 'memory'
  | 'SQLite'
  | 'PostgreSQL'
  | 'PostgreSQL by postgres.js'
  | 'MariaDB'
  | 'Redis'
  | 'Redis by ioredis'
  | 'Memcached'
  | 'file'
  | 'file without sync'
  | 'PostgreSQL and Redis'
  | 'signed cookies'
  | 'encrypted cookies'

const stores: Readonly<Record<StoreName, StoreKind>> = {
  memory: {},
  SQLite: { packages: ['better-sqlite3'] },
  PostgreSQL: { servers: ['postgres'], packages: ['pg'] },
  'PostgreSQL by postgres.js': { servers: ['postgres'], packages: ['postgres'], like: 'PostgreSQL' },
  MariaDB: { servers: ['mariadb'], packages: ['mysql2'] },
  Redis: { servers: ['redis'], packages: ['redis'] },
  'Redis by ioredis': { servers: ['redis'], packages: ['ioredis'], like: 'Redis' },
  Memcached: { servers: ['memcached'] },
  file: {},
  'file without sync': {},
  // A second after a save the copy is taken out of the cache once more.
  'PostgreSQL and Redis': { servers: ['postgres', 'redis'], packages: ['pg', 'redis'], aftermath: 1200 },
  'signed cookies': {},
  'encrypted cookies': { like: 'signed cookies' },
}

export function serversOf(store: StoreName | null): readonly ServerName[] {
  return store === null ? [] : (stores[store].servers ?? [])
}

export function packagesOfStore(store: StoreName | null): readonly string[] {
  return store === null ? [] : (stores[store].packages ?? [])
}

/** Subjects of stores that are alike do the same work, whatever the driver. */
export function likenessOf(store: StoreName): StoreName {
  return stores[store].like ?? store
}

export function aftermathOf(store: StoreName | null): number {
  return store === null ? 0 : (stores[store].aftermath ?? 0)
}

export function isInCookies(store: StoreName | null): boolean {
  return store === 'signed cookies' || store === 'encrypted cookies'
}
