import { sojourn } from 'sojourn'
import { getUser, logout } from 'sojourn/auth'
import { issueSessionToken } from 'sojourn/tokens'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import type { Site } from '../../src/core/site.js'
import { visit } from '../auth/site.js'
import { engineNames, engines, type RunningStore, type SiteSettings, siteSettings } from '../support/engines.js'
import { missingServer } from '../support/servers/index.js'
import { bearer } from './site.js'

const ann = { id: 7, username: 'ann', password: 'no hash of any kind', isActive: true }
const users = { path: 'tests.Backend', authenticate: () => ann, getUser: () => ann }

for (const name of engineNames.filter((each) => each !== 'signed_cookies')) {
  const kind = engines[name]
  const missing = (await Promise.all(kind.servers.map((server) => missingServer(server)))).find((each) => each)

  describe.skipIf(missing !== undefined)(`session tokens on ${name} ${missing ?? ''}`, () => {
    let store: RunningStore
    let opened: SiteSettings
    let site: Site

    beforeAll(async () => {
      store = await kind.start()
      opened = await siteSettings(store.address)
      const own = { sessionTokenAudiences: ['app'], authenticationBackends: [users], sessionStoreTimeout: 30 }
      site = sojourn({ ...opened.settings, ...own })
      await site.migrate()
      await site.ready()
    })
    afterAll(async () => {
      await site.close()
      await opened.close()
      await store[Symbol.asyncDispose]()
    })

    const issue = async (group: string): Promise<Record<string, string>> => {
      const link = { g: group, a: Math.floor(site.settings.clock()) }
      const issued = await visit(site, {}, (request) => issueSessionToken(request, { user: ann, aud: 'app', link }))
      return bearer(issued.result.token)
    }
    const who = async (headers: Record<string, string>): Promise<unknown> => {
      const { refused, result } = await visit(site, { headers }, (request, scope) => scope.byHeader && getUser(request))
      return refused?.status ?? (result || null)?.username
    }

    test('name a session, follow it to another key, and end with a logout here and everywhere', async () => {
      const [one, other] = [await issue('one'), await issue('other')]
      expect([await who(one), await who(other)]).toEqual(['ann', 'ann'])
      await visit(site, { headers: one }, (_, { session }) => session.cycleKey())
      expect(await who(one)).toBe('ann')
      await visit(site, { headers: one }, (request) => logout(request))
      expect([await who(one), await who(other)]).toEqual([401, 'ann'])
      await site.sessions.endSessions({ group: 'other' })
      expect(await who(other)).toBe(401)
    })
  })
}
