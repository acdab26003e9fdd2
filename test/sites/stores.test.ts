import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { memoryEngine } from 'sojourn/engines/memory'
import { describe, expect, test } from 'vitest'
import type { SettingsInput } from '../../src/core/settings.js'
import { type EngineName, engines, siteSettings } from '../support/engines.js'
import { missingServer } from '../support/servers/index.js'
import { raced } from './race.js'
import { type Browser, type Name, type World, world } from './world.js'

const AT_ONCE = 50
const CRAWLED = 10_000

/** Three sites over one store; their users are in a file where the store is no database. */
async function worldOn(name: EngineName, use: (there: World, file: string) => Promise<void>): Promise<void> {
  const folder = mkdtempSync(join(tmpdir(), 'sojourn-sites-'))
  await using store = await engines[name].start()
  const { settings, close } = await siteSettings(store.address)
  const users = `sqlite:${join(folder, 'users.sqlite3')}`
  const own: SettingsInput = {
    ...settings,
    sessionStoreTimeout: 30,
    ...(store.address.database === undefined && name !== 'sqlite' ? { databases: { default: users } } : {}),
    ...(name === 'memory' ? { sessionEngine: memoryEngine() } : {}),
  }
  try {
    await using there = await world({ settings: own })
    // The first visitors are not to wait for connections, which a busy machine makes too slowly.
    for (const each of ['hub', 'shop', 'news'] as const) await there.on(each).site.ready()
    await use(there, join(store.address.folder ?? folder, 'db.sqlite3'))
  } finally {
    await close()
    rmSync(folder, { recursive: true })
  }
}

const begin = (there: World, name: Name): string => `${there.originOf(name)}/sso/begin?next=/`

async function logIn(there: World, browser: Browser): Promise<void> {
  await browser.login(await browser.visit(begin(there, 'shop')))
}

for (const name of raced) {
  const missing = (await Promise.all(engines[name].servers.map((server) => missingServer(server)))).find((each) => each)

  describe.skipIf(missing !== undefined)(`three sites on ${name} ${missing ?? ''}`, () => {
    test(`of ${AT_ONCE} who redeem one ticket at once one is logged in; a logout on one site is one on all`, () =>
      worldOn(name, async (there) => {
        const ann = there.browser()
        await logIn(there, ann)
        const { headers } = await ann.ask(begin(there, 'news'))
        const callback = String((await ann.ask(String(headers.location))).headers.location)
        const answers = await Promise.all(Array.from({ length: AT_ONCE }, () => ann.ask(callback)))
        expect(answers.filter(({ status }) => status === 303)).toHaveLength(1)
        expect(answers.filter(({ status }) => status === 400)).toHaveLength(AT_ONCE - 1)

        const all: readonly Name[] = ['hub', 'shop', 'news']
        for (const each of all) expect((await ann.ask(`${there.originOf(each)}/`)).text).toMatch(/^ann/)
        await ann.ask(`${there.originOf('shop')}/token`)
        expect((await ann.at(there.originOf('shop')).post('/sso/logout')).status).toBe(303)
        for (const each of all) expect((await ann.ask(`${there.originOf(each)}/`)).text).toMatch(/^nobody/)
        ann.close()
      }))

    test('two tabs that come to the hub at once, with a login that it had before, log in for one logout', () =>
      worldOn(name, async (there) => {
        const ann = there.browser()
        await ann.login(await ann.visit(`${there.originOf('hub')}/login`))
        await Promise.all([ann.visit(begin(there, 'shop')), ann.visit(begin(there, 'news'))])
        await ann.ask(`${there.originOf('shop')}/token`)
        await ann.at(there.originOf('shop')).post('/sso/logout')
        for (const each of ['hub', 'shop', 'news'] as const) {
          expect([each, (await ann.ask(`${there.originOf(each)}/`)).text]).toEqual([each, 'nobody null'])
        }
        ann.close()
      }))
  })
}

test(
  `nothing is stored for whoever does not log in: ${CRAWLED} requests of crawlers add no record`,
  () =>
    worldOn('sqlite', async (there, file) => {
      const rows = async (): Promise<number[]> => {
        const { default: Database } = await import('better-sqlite3')
        const database = new Database(file, { readonly: true })
        const tables = ['django_session', 'sojourn_record', 'sojourn_member', 'sojourn_session']
        const counts = tables.map(
          (table) => database.prepare(`SELECT COUNT(*) AS n FROM ${table}`).get() as { n: number },
        )
        database.close()
        return counts.map(({ n }) => n)
      }
      const before = await rows()
      const paths = ['/', '/silent', '/sso/begin?next=/a', '/sso/callback?ticket=x&state=y', '/sso/begin?next=//evil']
      const headers = { 'sec-fetch-mode': 'navigate', 'sec-fetch-dest': 'document' }
      const crawl = async (start: number): Promise<void> => {
        for (let n = start; n < CRAWLED; n += 8) {
          const crawler = there.browser()
          const { status } = await crawler.ask(there.originOf('shop') + paths[n % paths.length], n % 2 ? headers : {})
          expect([200, 303, 400]).toContain(status)
          crawler.close()
        }
      }
      await Promise.all(Array.from({ length: 8 }, (_, start) => crawl(start)))
      expect(await rows()).toEqual(before)
    }),
  180_000,
)
