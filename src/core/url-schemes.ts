import { nearName } from './setting-names.js'

/** What the URLs of stores begin with, and how others call the same. */
export interface Schemes {
  readonly known: readonly string[]
  readonly elsewhere: Readonly<Record<string, string>>
  /** Whether a text is a path, of which the first of the known schemes makes a URL. */
  readonly path?: RegExp
}

export const databaseSchemes: Schemes = {
  known: ['sqlite', 'postgres', 'postgresql', 'mysql', 'mariadb'],
  elsewhere: {
    file: 'sqlite',
    pg: 'postgres',
    pgsql: 'postgres',
    psql: 'postgres',
    'postgresql+psycopg': 'postgresql',
  },
  path: /^(?:\.{0,2}\/)?[\w./-]+\.(?:sqlite3?|db3?)$|^:memory:$/,
}

export const cacheSchemes: Schemes = {
  known: [
    ...['redis', 'rediss', 'redis+cluster', 'rediss+cluster', 'redis+sentinel', 'rediss+sentinel'],
    ...['memcached', 'locmem'],
  ],
  elsewhere: {
    valkey: 'redis',
    valkeys: 'rediss',
    pymemcache: 'memcached',
    pymemcached: 'memcached',
    memory: 'locmem',
  },
}

/** What a URL begins with; `''` for a text that is none. */
export function schemeOf(url: string): string {
  return /^([a-z][a-z0-9+.-]*):/i.exec(url)?.[1] ?? ''
}

/**
 * What is wrong with the scheme of a URL, and what may have been meant; `''` where nothing can be told. Shows the scheme alone, and only of
 * what looks like a URL: of `user:password@host` that would be a part of what is secret.
 */
export function schemeAdvice(url: string, { known, elsewhere, path }: Schemes): string {
  if (path?.test(url)) return `A path is written ${known[0]}:${url}`
  const scheme = schemeOf(url)
  const meant = Object.hasOwn(elsewhere, scheme) ? elsewhere[scheme] : undefined
  if (known.includes(scheme) || !/^[^:]+:(?:\/\/|\.)/.test(url)) return ''
  const near = meant ?? nearName(scheme, known)
  return `'${scheme}:' is none of them${near === undefined ? '.' : `; did you mean ${near}:?`}`
}
