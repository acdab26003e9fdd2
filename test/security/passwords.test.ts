import { describe, expect, test } from 'vitest'
import { getUser, login, type ModelUser, updateSessionAuthHash } from '../../src/adapters/api.js'
import { userBackend } from '../../src/auth/part.js'
import type { SettingsInput } from '../../src/core/settings.js'
import { Gates } from '../../src/testing/gates.js'
import type { Client, Routes } from '../../src/testing/index.js'
import { everywhere, standing } from './everywhere.js'

const engines: Readonly<Record<string, SettingsInput>> = {
  db: {},
  cache: { sessionEngine: 'cache', caches: { default: 'locmem:' } },
  signed_cookies: { sessionEngine: 'signed_cookies' },
}

describe.each(everywhere)('over %s', (adapter) => {
  describe.each(Object.entries(engines))('on the engine %s', (engine, settings) => {
    async function site() {
      const gates = new Gates()
      const routes: Routes = {
        '/': async ({ request, session }) => {
          const user = (await getUser(request))?.username ?? null
          return JSON.stringify({ user, data: { ...(await session()) } })
        },
        '/login': async ({ request, query, session }) => {
          await login(request, (await users.getByUsername(query.get('as') as string)) as ModelUser)
          ;(await session()).set('diary', query.get('as'))
          return 'in'
        },
        '/password': async ({ request }) => {
          const user = (await getUser(request)) as ModelUser
          await updateSessionAuthHash(request, await users.setPassword(user, 'new'))
          return 'changed'
        },
        '/slow': async ({ request, session }) => {
          const user = (await getUser(request))?.username ?? null
          await gates.pass('slow')
          ;(await session()).set('late', true)
          return String(user)
        },
      }
      const live = await standing(adapter, { middleware: ['sessions', 'auth'], ...settings }, routes)
      const users = userBackend(live.site)
      for (const name of ['ann', 'bob']) await users.createUser(name, 'old')
      const as = async (name: string): Promise<Client> => {
        const visitor = live.visitor()
        await visitor.get(`/login?as=${name}`)
        return visitor
      }
      return { live, users, gates, as }
    }
    const seen = async (visitor: Client) => (await visitor.get('/')).json<{ user: string | null; data: object }>()
    const NOBODY = { user: null, data: {} }

    test('T49: a new password ends all other sessions at their next request, and this one goes on under a new key', async () => {
      const { live, as } = await site()
      await using _ = live
      const here = await as('ann')
      const others = [await as('ann'), await as('ann'), await as('ann')]
      const bob = await as('bob')
      const before = here.cookies.get('sessionid') as string
      expect((await here.get('/password')).text).toBe('changed')
      expect(here.cookies.get('sessionid')).not.toBe(before)
      expect(await seen(here)).toMatchObject({ user: 'ann', data: { diary: 'ann' } })
      for (const other of others) {
        const copy = live.visitor()
        copy.cookies.set('sessionid', other.cookies.get('sessionid') as string)
        expect(await seen(other)).toEqual(NOBODY)
        expect(other.cookies.get('sessionid')).toBeUndefined()
        expect(await seen(copy)).toEqual(NOBODY)
      }
      const thief = live.visitor()
      thief.cookies.set('sessionid', before)
      expect(await seen(thief)).toEqual(NOBODY)
      expect(await seen(bob)).toMatchObject({ user: 'bob', data: { diary: 'bob' } })
      if (engine !== 'db') return
      expect(live.keys().sort()).toEqual([here, bob].map((each) => each.cookies.get('sessionid') as string).sort())
    })

    test('T49: a request that was under way meanwhile does not save a session back to life', async () => {
      const { live, gates, as } = await site()
      await using _ = live
      const [here, other] = [await as('ann'), await as('ann')]
      const slow = other.get('/slow')
      await gates.arrival('slow')
      await here.get('/password')
      gates.open('slow')
      expect((await slow).text).toBe('ann')
      expect(await seen(other)).toEqual(NOBODY)
      expect(await seen(here)).toMatchObject({ user: 'ann' })
    })

    test('T49: nor does a password that somebody else changed, an administrator or a Django, spare any session', async () => {
      const { live, users, as } = await site()
      await using _ = live
      const visitor = await as('ann')
      await users.setPassword((await users.getByUsername('ann')) as ModelUser, 'by an administrator')
      expect(await seen(visitor)).toEqual(NOBODY)
      const again = await as('ann')
      await live.database
        .prepare('UPDATE auth_user SET password = ?1 WHERE username = ?2')
        .run('pbkdf2_sha256$1$s$x', 'ann')
      expect(await seen(again)).toEqual(NOBODY)
    })
  })
})
