import { describe, expect, test } from 'vitest'
import { getUser, login, type User } from '../../src/adapters/api.js'
import { userBackend } from '../../src/auth/part.js'
import type { SettingsInput } from '../../src/core/settings.js'
import type { Database } from '../../src/databases/database.js'
import type { Client, Routes } from '../../src/testing/index.js'
import { watched } from '../../src/testing/index.js'
import { sqliteEngine } from '../support/sites.js'
import { type Anywhere, everywhere, standing } from './everywhere.js'
import { keysOf, type Live } from './live.js'

/** A store that answers at once, and one that does so as if across a network: in 0 to 3 turns of the event loop. */
const paces: Readonly<Record<string, () => { readonly settings: SettingsInput; readonly table?: Database }>> = {
  'that answers at once': () => ({ settings: {} }),
  'that takes its time': () => {
    const { engine, database } = sqliteEngine({})
    const delay = async (): Promise<void> => {
      for (let turns = Math.floor(Math.random() * 4); turns > 0; turns--) await new Promise(setImmediate)
    }
    return { settings: { sessionEngine: watched(engine, { delay }) }, table: database }
  },
}

/** Express's own error page has the name of the error, ours its code. */
const isInterrupted = (status: number, text: string): boolean =>
  status === 400 && /session_interrupted|SessionInterrupted/.test(text)

/** The core is the same everywhere; the order in which things happen is the store's. */
const worlds: readonly (readonly [Anywhere, keyof typeof paces])[] = [
  ...everywhere.map((adapter) => [adapter, 'that takes its time'] as const),
  ['node', 'that answers at once'],
]

describe.each(worlds)('over %s, with a store %s', (adapter, pace) => {
  interface Standing {
    readonly live: Live
    readonly keys: () => string[]
    readonly visitors: (count: number, key: string) => Client[]
  }
  async function site(): Promise<Standing> {
    let users: readonly User[] = []
    const routes: Routes = {
      '/': async ({ request, session }) =>
        JSON.stringify({ user: (await getUser(request))?.username ?? null, data: { ...(await session()) } }),
      '/login': async ({ request, query, session }) => {
        await login(request, users[Number(query.get('as'))] as User)
        ;(await session()).set('mine', query.get('n'))
        return 'in'
      },
      '/cycle': async ({ session }) => {
        await (await session()).cycleKey()
        return 'cycled'
      },
      '/write': async ({ session, query }) => {
        ;(await session()).set(`write${query.get('n')}`, 1)
        return 'written'
      },
    }
    const { settings, table } = (paces[pace] as (typeof paces)[string])()
    const live = await standing(adapter, { middleware: ['sessions', 'auth'], debug: true, ...settings }, routes)
    users = [await userBackend(live.site).createUser('ann'), await userBackend(live.site).createUser('bob')]
    return {
      live,
      keys: () => keysOf(table ?? live.database),
      visitors: (count, key) =>
        Array.from({ length: count }, () => {
          const visitor = live.visitor()
          visitor.cookies.set('sessionid', key)
          return visitor
        }),
    }
  }
  const begun = async ({ live }: Standing): Promise<string> => {
    const visitor = live.visitor()
    await visitor.get('/write?n=first')
    return visitor.cookies.get('sessionid') as string
  }

  test('T47: of 100 logins of one session at once each has a record of its own, and nothing else is left', async () => {
    const standingSite = await site()
    await using _ = standingSite.live
    const key = await begun(standingSite)
    const visitors = standingSite.visitors(100, key)
    const answers = await Promise.all(visitors.map((each, i) => each.get(`/login?as=${i % 2}&n=${i}`)))
    const winners = answers.flatMap(({ status }, i) => (status === 200 ? [i] : []))
    for (const [i, { status, text }] of answers.entries()) {
      if (status !== 200) expect([i, isInterrupted(status, text), text]).toEqual([i, true, text])
    }
    expect(winners.length).toBeGreaterThan(0)
    const keys = winners.map((i) => visitors[i]?.cookies.get('sessionid') as string)
    expect(new Set(keys).size).toBe(winners.length)
    expect(keys).not.toContain(key)
    expect(standingSite.keys().sort()).toEqual([...keys].sort())
    for (const i of winners) {
      const { user, data } = (await (visitors[i] as Client).get('/')).json<{ user: string; data: object }>()
      expect([i, user, data]).toEqual([i, ['ann', 'bob'][i % 2], expect.objectContaining({ mine: String(i) })])
      expect(data).toMatchObject({ _auth_user_id: String((i % 2) + 1) })
    }
    const [stale] = standingSite.visitors(1, key) as [Client]
    expect((await stale.get('/')).json()).toEqual({ user: null, data: {} })
  })

  test('T47: a form sent twice logs in once or twice, and never as another', async () => {
    const standingSite = await site()
    await using _ = standingSite.live
    for (let round = 0; round < 10; round++) {
      const key = await begun(standingSite)
      const pair = standingSite.visitors(2, key)
      const answers = await Promise.all(pair.map((each) => each.get('/login?as=0&n=0')))
      expect(answers.some(({ status }) => status === 200)).toBe(true)
      for (const [i, { status }] of answers.entries()) {
        if (status === 200) expect((await pair[i]?.get('/'))?.json()).toMatchObject({ user: 'ann' })
      }
      expect(standingSite.keys()).not.toContain(key)
    }
  })

  test.each(['/cycle', '/login?as=0&n=0'])(
    'T48: what was written while %s changed the key is under the new key, or its writer was told',
    async (change) => {
      const standingSite = await site()
      await using _ = standingSite.live
      const seen = { carried: 0, told: 0, apart: 0 }
      for (let round = 0; round < 8; round++) {
        const key = await begun(standingSite)
        const writers = standingSite.visitors(12, key)
        const [changer] = standingSite.visitors(1, key) as [Client]
        const at = round % 12
        const sent = writers.map((each, n) => () => each.get(`/write?n=${n}`))
        const before = sent.slice(0, at).map((send) => send())
        const changed = changer.get(change)
        const answers = await Promise.all([...before, ...sent.slice(at).map((send) => send())])
        expect((await changed).status).toBe(200)
        const now = changer.cookies.get('sessionid')
        expect(now).not.toBe(key)
        const { data } = (await changer.get('/')).json<{ data: Record<string, unknown> }>()
        expect(data).toHaveProperty('writefirst')
        for (const [n, { status, text, setCookies }] of answers.entries()) {
          const own = writers[n] as Client
          if (status !== 200) {
            seen.told++
            expect([isInterrupted(status, text), text]).toEqual([true, text])
          } else if (own.cookies.get('sessionid') === key) {
            seen.carried++
            expect([round, n, data[`write${n}`]]).toEqual([round, n, 1])
          } else {
            // It came when the old key was nobody's already, and so began a session, which its visitor was given.
            seen.apart++
            expect(setCookies).toHaveLength(1)
            expect((await own.get('/')).json()).toMatchObject({ data: { [`write${n}`]: 1 } })
          }
        }
        const [stale] = standingSite.visitors(1, key) as [Client]
        expect((await stale.get('/')).json()).toEqual({ user: null, data: {} })
      }
      expect(seen.carried).toBeGreaterThan(0)
      if (pace === 'that takes its time') expect(seen.told + seen.carried).toBeGreaterThan(20)
    },
  )
})
