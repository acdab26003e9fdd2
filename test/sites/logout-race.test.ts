import { sojourn } from 'sojourn'
import { memoryEngine } from 'sojourn/engines/memory'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import type { Site } from '../../src/core/site.js'
import { engines, type RunningStore, type SiteSettings, siteSettings } from '../support/engines.js'
import { missingServer } from '../support/servers/index.js'
import { SECRET } from '../support/sites.js'
import { race, raced } from './race.js'

const ROUNDS = 200

for (const name of raced) {
  const kind = engines[name]
  const missing = (await Promise.all(kind.servers.map((server) => missingServer(server)))).find((each) => each)

  describe.skipIf(missing !== undefined)(`logins and logouts at once on ${name} ${missing ?? ''}`, () => {
    let store: RunningStore
    let opened: SiteSettings
    let site: Site

    beforeAll(async () => {
      store = await kind.start()
      opened = await siteSettings(store.address)
      site = sojourn({ ...opened.settings, sessionStoreTimeout: 30 })
      await site.migrate()
      await site.ready()
    })
    afterAll(async () => {
      await site.close()
      await opened.close()
      await store[Symbol.asyncDispose]()
    })

    test('no session outlives the logout of its login, and no login that came later is ended by it', async () => {
      const found = await race(opened.settings, site.engine, { rounds: ROUNDS })
      console.log(`${name}: ${JSON.stringify(found)}`)
      expect(found).toMatchObject({ survivors: 0, killed: 0 })
      expect(found.rounds).toBeGreaterThan(ROUNDS / 2)
      expect(found.cycled).toBeGreaterThan(ROUNDS / 10)
    })
  })
}

test('where a login does not look for the mark of a logout, sessions outlive it', async () => {
  const settings = { secretKey: SECRET, sessionEngine: memoryEngine() }
  const found = await race(settings, settings.sessionEngine, { rounds: ROUNDS, missing: 'tombstone' })
  expect(found.survivors).toBeGreaterThan(0)
})
