import { expect, test } from 'vitest'
import type { EnginePair } from './engine-kinds.js'
import { sessionStore, type Visitor } from './pair.js'

const AGE = 1_209_600
const now = (): number => Date.now() / 1000
/** Seconds that a test may take, and caches round up by one. */
const near = (a: number, b: number): boolean => Math.abs(a - b) < 5

/** That a session ends at the same time for both, and in the store. */
export function expiryClaims(pair: () => EnginePair, recent: boolean): void {
  /** Where the store says that it ends; of cookies nothing is stored. */
  async function storeAgrees({ key }: Visitor, end: number, age: number): Promise<boolean> {
    return pair().kind.engine === 'signed_cookies' || near(await pair().endOf(key, age), end)
  }

  for (const side of ['django', 'node'] as const) {
    test(`seconds that ${side === 'django' ? 'Django' : 'sojourn'} set`, async () => {
      const visitor = pair().visitor()
      if (side === 'django') await visitor.ops(['set_expiry', 3600])
      else await visitor.node(({ session }) => session.setExpiry(3600))
      expect(visitor.sessionLine).toMatch(/; Max-Age=3600(;|$)/i)
      expect(await storeAgrees(visitor, now() + 3600, 3600)).toBe(true)
      expect(await visitor.ops(['expiry_age'], ['expire_at_browser_close'], ['set', 'a', 1])).toEqual([
        3600,
        false,
        null,
      ])
      expect(visitor.sessionLine).toMatch(/; Max-Age=3600(;|$)/i)
      const read = await visitor.node(({ session }) => {
        session.b = 1
        return session.getExpiryAge()
      })
      expect(read).toBe(3600)
      expect(visitor.sessionLine).toMatch(/; Max-Age=3600(;|$)/i)
      expect(await storeAgrees(visitor, now() + 3600, 3600)).toBe(true)
    })

    test(`the end of the browser that ${side === 'django' ? 'Django' : 'sojourn'} set`, async () => {
      const visitor = pair().visitor()
      if (side === 'django') await visitor.ops(['set_expiry', 0])
      else await visitor.node(({ session }) => session.setExpiry(0))
      expect(visitor.sessionLine).not.toMatch(/max-age|expires/i)
      expect(await storeAgrees(visitor, now() + AGE, AGE)).toBe(true)
      expect(await visitor.ops(['expire_at_browser_close'], ['expiry_age'])).toEqual([true, AGE])
      const read = await visitor.node(({ session }) => [session.getExpireAtBrowserClose(), session.getExpiryAge()])
      expect(read).toEqual([true, AGE])
      if (side === 'node') await visitor.ops(['set_expiry', null])
      else await visitor.node(({ session }) => session.setExpiry(null))
      expect(visitor.sessionLine).toMatch(/; Max-Age=1209600(;|$)/i)
      expect(await visitor.ops(['expire_at_browser_close'])).toEqual([false])
      expect(await visitor.node(({ session }) => session.getExpireAtBrowserClose())).toBe(false)
    })

    // 3.2 cannot save a moment as JSON, nor read the text that all others write.
    if (!recent) continue
    test(`a moment that ${side === 'django' ? 'Django' : 'sojourn'} set`, async () => {
      const visitor = pair().visitor()
      const moment = new Date(Math.ceil(Date.now() / 1000) * 1000 + 3_600_250)
      const end = moment.getTime() / 1000
      if (side === 'django') await visitor.ops(['set_expiry', { seconds: end - now() }])
      else await visitor.node(({ session }) => session.setExpiry(moment))
      expect(near(Number(/; Max-Age=(\d+)/i.exec(visitor.sessionLine ?? '')?.[1]), 3600)).toBe(true)
      if (pair().kind.engine !== 'file') expect(await storeAgrees(visitor, end, 0)).toBe(true)
      const [age] = await visitor.ops(['expiry_age'], ['set', 'a', 1])
      expect(near(Number(age), end - now())).toBe(true)
      const read = await visitor.node(({ session }) => {
        session.b = 1
        return session.getExpiryDate().getTime() / 1000
      })
      expect(side === 'node' ? read === end : near(read, end)).toBe(true)
      if (pair().kind.engine !== 'file') expect(await storeAgrees(visitor, end, 0)).toBe(true)
    })
  }
}

/** That whoever ends a session, or gives it another key, does it for both. */
export function endingClaims(pair: () => EnginePair): void {
  const nobody = async (key: string | undefined): Promise<void> => {
    expect(
      await pair()
        .visitor(key)
        .node(({ session }) => ({ ...session })),
    ).toEqual({})
    expect(await pair().visitor(key).ops(['get', 'a'])).toEqual([null])
    expect(await pair().exists(key)).toBe(false)
  }

  for (const side of ['django', 'node'] as const) {
    const name = side === 'django' ? 'Django' : 'sojourn'

    test(`what ${name} made to end in the past is over for both`, async () => {
      const visitor = pair().visitor()
      await visitor.ops(['set', 'a', 1])
      const { key } = visitor
      if (side === 'django') await visitor.ops(['set_expiry', -1])
      else await visitor.node(({ session }) => session.setExpiry(-1))
      expect(visitor.key).toBeUndefined()
      expect(
        await pair()
          .visitor(key)
          .node(({ session }) => ({ ...session })),
      ).toEqual({})
      expect(await pair().visitor(key).ops(['get', 'a'])).toEqual([null])
    })

    test(`flush by ${name} makes the visitor unknown to both, at once`, async () => {
      const visitor = pair().visitor()
      await visitor.ops(['set', 'a', 1])
      const { key } = visitor
      expect(await pair().visitor(key).ops(['get', 'a'])).toEqual([1])
      if (side === 'django') await visitor.ops(['flush'])
      else await visitor.node(({ session }) => session.flush())
      expect(visitor.key).toBeUndefined()
      await nobody(key)
    })

    test(`cycle_key by ${name}, and once more by the other: the data come along, the old keys are nobody's`, async () => {
      const visitor = pair().visitor()
      await visitor.ops(['set', 'a', 1])
      const first = visitor.key
      const cycle = (by: typeof side): Promise<unknown> =>
        by === 'django' ? visitor.ops(['cycle_key']) : visitor.node(({ session }) => session.cycleKey())
      await cycle(side)
      const second = visitor.key
      await cycle(side === 'django' ? 'node' : 'django')
      expect(new Set([first, second, visitor.key]).size).toBe(3)
      expect(await visitor.ops(['get', 'a'])).toEqual([1])
      expect(await visitor.node(({ session }) => session.a)).toBe(1)
      await nobody(first)
      await nobody(second)
    })
  }

  test('a request that is late gets a 400 from either, and brings nothing back', async () => {
    const early = pair().visitor()
    await early.ops(['set', 'a', 1])
    const { key } = early
    const late = await early.answer(async ({ session }) => {
      session.a = 2
      await pair().visitor(key).ops(['flush'])
    })
    expect(late.status).toBe(400)
    await nobody(key)

    const visitor = pair().visitor()
    await visitor.ops(['set', 'a', 1])
    const { key: second } = visitor
    const gate = pair().django.gate(`late ${second}`)
    const slow = visitor.django('ops', [['load'], ['gate', `late ${second}`], ['set', 'a', 2]])
    await gate.arrived()
    await pair()
      .visitor(second)
      .node(({ session }) => session.flush())
    await gate.open()
    expect((await slow).status).toBe(400)
    await nobody(second)
  })
}

/** That the sessions that are over are deleted by whoever clears. */
export function clearingClaims(pair: () => EnginePair): void {
  test("clearsessions and clearExpired delete the other's dead sessions, and no living one", async () => {
    for (const clearing of ['django', 'node'] as const) {
      const living = pair().visitor()
      await living.ops(['set', 'a', 1])
      const session = pair().site.sessions.open()
      session.setExpiry(-1)
      await session.save()
      const dead = [session.sessionKey as string, await pair().django.python(deadSession)]
      for (const key of dead) expect(await pair().exists(key)).toBe(true)
      if (clearing === 'django') await pair().django.python(clearSessions)
      else expect(await pair().site.sessions.clearExpired()).toBeGreaterThanOrEqual(2)
      for (const key of dead) expect(await pair().exists(key)).toBe(false)
      expect(await living.node(({ session }) => session.a)).toBe(1)
    }
  })
}

const deadSession = `${sessionStore}
session = SessionStore()
session['a'] = 1
session.set_expiry(-1)
session.save()
print(session.session_key, end='')
`
const clearSessions = `
from django.core.management import call_command
call_command('clearsessions')
`
