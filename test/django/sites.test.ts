/** That a Django with the files of the guide "Sites with Django" is a hub or a member like any other. */
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { type EngineKind, missingFor, Servers } from './engine-kinds.js'
import { freshDatabase } from './fresh-database.js'
import {
  cookieClaims,
  hubClaims,
  hubStoreClaims,
  keptClaims,
  limitClaims,
  loginClaims,
  memberClaims,
  memberStoreClaims,
  routeClaims,
  storeClaims,
} from './sites-claims.js'
import { type DjangoSites, type DjangoSitesOptions, djangoSites } from './sites-world.js'

const servers = new Servers()
afterAll(() => servers[Symbol.asyncDispose]())

type Case = Pick<DjangoSitesOptions, 'suite' | 'settings'> & { readonly server?: 'postgres' | 'mariadb' }

/** Sites, with a Django among them, that run while the claims are tried. */
function withSites(
  options: Case & Omit<DjangoSitesOptions, 'database'>,
  claims: (world: () => DjangoSites) => void,
): void {
  let folder: string
  let sites: DjangoSites
  beforeAll(async () => {
    folder = await mkdtemp(join(tmpdir(), 'sojourn-sites-'))
    const database =
      options.server === undefined
        ? join(folder, 'db.sqlite3')
        : await freshDatabase((await servers.get(options.server)).url)
    sites = await djangoSites({ ...options, database })
  }, 120_000)
  afterAll(async () => {
    await sites?.[Symbol.asyncDispose]()
    await rm(folder, { recursive: true })
  })
  claims(() => sites)
}

const cases: readonly Case[] = [
  // Each view in a transaction, which these views must not be in.
  { suite: 'bookworm', settings: { ATOMIC_REQUESTS: true } },
  { suite: 'bookworm', server: 'mariadb' },
  { suite: undefined },
  { suite: undefined, server: 'postgres' },
]

for (const one of cases) {
  const { suite, server } = one
  const kind: EngineKind = { name: '', engine: 'db', ...(server === undefined ? {} : { database: server }) }
  const missing = await missingFor(kind, suite)

  describe.skipIf(missing !== undefined)(`${suite ?? 'newest'} on ${server ?? 'sqlite'} ${missing ?? ''}`, () => {
    describe('as a member', () =>
      withSites({ ...one, django: 'news' }, (world) => {
        loginClaims(world)
        storeClaims(world, 'news')
        memberStoreClaims(world)
        if (server === undefined) {
          routeClaims(world, 'news')
          memberClaims(world)
        }
        tableClaims(world)
      }))

    describe('as the hub', () =>
      withSites({ ...one, django: 'hub' }, (world) => {
        loginClaims(world)
        storeClaims(world, 'hub')
        hubStoreClaims(world)
        if (server === undefined) {
          routeClaims(world, 'hub')
          hubClaims(world)
        }
      }))

    if (server === undefined) engineClaims(one)
  })
}

/** Django has its own engine of sessions, and a logout cannot delete them. */
function engineClaims(one: Case): void {
  for (const engine of ['signed_cookies', 'cached_db']) {
    const age = engine === 'signed_cookies' ? { SESSION_COOKIE_AGE: 100 * 86_400 } : {}
    const settings = { ...one.settings, ...age, SESSION_ENGINE: `django.contrib.sessions.backends.${engine}` }
    describe.each(['news', 'hub'] as const)(`with sessions in ${engine} as %s`, (django) =>
      withSites({ ...one, django, settings }, (world) => {
        loginClaims(world)
        keptClaims(world, django)
        if (engine === 'signed_cookies') cookieClaims(world, django)
      }),
    )
  }
  describe('without the middleware', () => withSites({ ...one, django: 'news', withoutMiddleware: true }, limitClaims))
}

function tableClaims(world: () => DjangoSites): void {
  test('the migration makes the tables that sojourn makes, and takes those that are there', async () => {
    const { django, site } = world()
    const before = await django.python(DESCRIBE)
    expect(before).toContain('session_key')
    await django.python(`${TABLES}for table in tables: execute(f'DROP TABLE {table}')`)
    await site('hub').migrate()
    expect(await django.python(DESCRIBE)).toBe(before)
    await django.manage('migrate', 'sojourn_sso', 'zero')
    await django.manage('migrate')
    expect(await django.python(DESCRIBE)).toBe(before)
  })
}

const TABLES = `
from django.db import connection
tables = ['sojourn_record', 'sojourn_member']
def execute(sql, *values):
    with connection.cursor() as cursor:
        cursor.execute(sql, values or None)
        return cursor.fetchall() if cursor.description else None
`

const DESCRIBE = `${TABLES}
for table in tables:
    if connection.vendor == 'sqlite':
        print(execute('SELECT name, sql FROM sqlite_master WHERE tbl_name = %s ORDER BY name', table))
    elif connection.vendor == 'postgresql':
        print(execute('SELECT column_name, data_type, character_maximum_length, is_nullable FROM information_schema.columns WHERE table_name = %s ORDER BY ordinal_position', table))
        print(execute('SELECT indexdef FROM pg_indexes WHERE tablename = %s ORDER BY indexname', table))
    else:
        print(execute(f'SHOW CREATE TABLE {table}'))
`
