import { describe, expect, test, vi } from 'vitest'
import { settlePending } from '../../src/core/commit.js'
import { stateOf } from '../../src/core/dictionary.js'
import type { Session } from '../../src/core/session-types.js'
import type { Site } from '../../src/core/site.js'
import { memoryEngine } from '../../src/engines/memory.js'
import { signedCookiesEngine } from '../../src/engines/signed-cookies.js'
import {
  NestedTransact,
  SessionInterrupted,
  SessionSealed,
  SessionValueError,
  SojournError,
  StoreUnavailable,
} from '../../src/errors.js'
import { type WatchedEngine, watched } from '../../src/testing/watched-engine.js'
import { bareSite, SECRET, sqliteEngine } from '../support/sites.js'

const KEY = 'k'.repeat(32)

interface Stand {
  readonly site: Site
  readonly engine: WatchedEngine
  /** The key of a session that holds `{ a: 1, cart: [1] }`. */
  readonly key: string
  open(): Promise<Session>
  /** What the store holds now under a key. */
  held(key: string | null): Promise<Record<string, unknown> | null>
  /** What every key was that the engine was asked to keep. */
  readonly keys: ReadonlySet<string>
}

const ENGINES = {
  'memory at once': () => watched(memoryEngine()),
  'memory across a network': () => watched(memoryEngine(), { delay: 0 }),
  'db at once': () => watched(sqliteEngine({}).engine),
  'db across a network': () => watched(sqliteEngine({}).engine, { delay: 0 }),
}

async function stand(engine: WatchedEngine): Promise<Stand> {
  const keys = new Set<string>()
  const create = engine.create.bind(engine)
  engine.create = (key, record) => {
    keys.add(key)
    return create(key, record)
  }
  const site = bareSite({ engine })
  const cells = new Map([
    ['a', '1'],
    ['cart', '[1]'],
  ])
  await engine.create(KEY, { cells, expires: 4e12 })
  return {
    site,
    engine,
    key: KEY,
    keys,
    async open() {
      const session = site.sessions.open(KEY)
      await session.load()
      return session
    },
    async held(key) {
      const loaded = key === null ? null : await engine.load(key)
      return loaded && Object.fromEntries([...loaded.cells].map(([name, text]) => [name, JSON.parse(text) as unknown]))
    },
  }
}

async function alive({ keys, engine }: Stand): Promise<number> {
  let count = 0
  for (const key of keys) if (await engine.exists(key)) count++
  return count
}

describe.each(Object.entries(ENGINES))('%s', (_name, make) => {
  test('two writers of different keys both survive', async () => {
    const { open, held, key } = await stand(make())
    const [one, two] = [await open(), await open()]
    one['x'] = 1
    two['y'] = 2
    two.delete('a')
    await one.save()
    await two.save()
    expect(await held(key)).toEqual({ cart: [1], x: 1, y: 2 })
    expect(two['x']).toBe(1)
  })

  test('clear removes what this request knew, not what another one added meanwhile', async () => {
    const { open, held, key } = await stand(make())
    const [one, two] = [await open(), await open()]
    one.clear()
    two['theirs'] = 1
    await two.save()
    await one.save()
    expect(await held(key)).toEqual({ theirs: 1 })
    expect({ ...one }).toEqual({ theirs: 1 })
  })

  test('of two writers of one key the later wins', async () => {
    const { open, held, key } = await stand(make())
    const [one, two] = [await open(), await open()]
    one['a'] = 'one'
    two['a'] = 'two'
    await one.save()
    await two.save()
    expect(await held(key)).toMatchObject({ a: 'two' })
  })

  test('many writers at once lose nothing', async () => {
    const { open, held, key } = await stand(make())
    const sessions = await Promise.all(Array.from({ length: 12 }, open))
    for (const [i, session] of sessions.entries()) session[`n${i}`] = i
    await Promise.all(sessions.map((session) => session.save()))
    expect(Object.keys((await held(key)) ?? {})).toHaveLength(14)
  })

  test('a save after somebody ended the session is interrupted, and brings nothing back', async () => {
    const { open, held, key } = await stand(make())
    const [one, two] = [await open(), await open()]
    await one.flush()
    two['x'] = 1
    await expect(two.save()).rejects.toThrow(SessionInterrupted)
    expect(await held(key)).toBeNull()
  })

  test('what was saved explicitly is not laid over what another wrote later', async () => {
    const { open, held, key } = await stand(make())
    const [one, two] = [await open(), await open()]
    one['a'] = 'one'
    await one.save()
    await two.load()
    two['a'] = 'two'
    await two.save()
    one['b'] = 1
    await one.save()
    expect(await held(key)).toEqual({ a: 'two', cart: [1], b: 1 })
    expect(one['a']).toBe('two')
  })

  test('a nested value that was only read is not laid over what another wrote', async () => {
    const { open, held, key } = await stand(make())
    const [one, two] = [await open(), await open()]
    expect(one['cart']).toEqual([1])
    two['cart'] = [1, 2]
    await two.save()
    one['b'] = 1
    await one.save()
    expect(one['cart']).toEqual([1, 2])
    stateOf(one).noticeNested()
    one['c'] = 1
    await one.save()
    expect(await held(key)).toEqual({ a: 1, cart: [1, 2], b: 1, c: 1 })
  })

  test('a nested value is still watched after a save that met another writer', async () => {
    const { open, held, key } = await stand(make())
    const [one, two] = [await open(), await open()]
    const cart = one['cart'] as number[]
    two['x'] = 1
    await two.save()
    one['b'] = 1
    await one.save()
    cart.push(2)
    await one.save()
    expect(await held(key)).toEqual({ a: 1, cart: [1, 2], x: 1, b: 1 })
  })

  test('cycleKey keeps the data under a new key, and the old one is gone', async () => {
    const { open, held, key } = await stand(make())
    const session = await open()
    session['x'] = 1
    await session.cycleKey()
    expect(session.sessionKey).not.toBe(key)
    expect(await held(session.sessionKey)).toEqual({ a: 1, cart: [1], x: 1 })
    expect(await held(key)).toBeNull()
  })

  test('cycleKey carries over what somebody saved after the session was loaded', async () => {
    const { open, held, key } = await stand(make())
    const [one, two] = [await open(), await open()]
    two['theirs'] = 1
    await two.save()
    one['ours'] = 2
    await one.cycleKey()
    expect(await held(one.sessionKey)).toEqual({ a: 1, cart: [1], theirs: 1, ours: 2 })
    expect(await held(key)).toBeNull()
  })

  test('cycleKey of a session that somebody ended meanwhile is interrupted, and leaves nothing alive', async () => {
    const it = await stand(make())
    const [one, two] = [await it.open(), await it.open()]
    await two.flush()
    await expect((async () => one.cycleKey())()).rejects.toThrow(SessionInterrupted)
    expect(await alive(it)).toBe(0)
  })

  test('flush ends the session at once in memory and in the store', async () => {
    const it = await stand(make())
    const session = await it.open()
    const flushing = session.flush()
    expect([session.sessionKey, session.isEmpty(), session['a']]).toEqual([null, true, undefined])
    await flushing
    expect(await alive(it)).toBe(0)
  })

  test('transact runs again on what another wrote, and no count is lost', async () => {
    const { open, held, key } = await stand(make())
    const sessions = await Promise.all(Array.from({ length: 8 }, open))
    await Promise.all(sessions.map((session) => session.transact((s) => s.set('a', Number(s.get('a')) + 1))))
    expect(await held(key)).toMatchObject({ a: 9 })
  })

  test('transact leaves nothing behind of a function that throws', async () => {
    const { open, held, key } = await stand(make())
    const session = await open()
    const failing = session.transact((s) => {
      s.set('a', 100)
      throw new RangeError('no')
    })
    await expect(failing).rejects.toThrow(RangeError)
    expect(session['a']).toBe(1)
    expect(await held(key)).toMatchObject({ a: 1 })
  })

  test('transact of a session that is not there yet makes one', async () => {
    const { site, held } = await stand(make())
    const session = site.sessions.open()
    expect(await session.transact((s) => s.set('a', 1))).toBeUndefined()
    expect(await held(session.sessionKey)).toEqual({ a: 1 })
  })

  test('transact that flushes ends the session, and makes no empty one', async () => {
    const it = await stand(make())
    const session = await it.open()
    await session.transact((s) => s.flush())
    expect(session.sessionKey).toBeNull()
    expect(await alive(it)).toBe(0)
  })

  test('transact that flushes and then throws brings nothing back', async () => {
    const it = await stand(make())
    const session = await it.open()
    session['secret'] = 1
    const failing = session.transact(async (s) => {
      await s.flush()
      throw new RangeError('no')
    })
    await expect(failing).rejects.toThrow(RangeError)
    expect({ ...session }).toEqual({})
    expect(await alive(it)).toBe(0)
  })

  test.each([KEY, null])('transact within transact is an error, not a wait for ever (key %#)', async (key) => {
    const { site } = await stand(make())
    const session = site.sessions.open(key)
    await session.load()
    const nested = session.transact((s) => s.transact((inner) => inner))
    await expect(nested).rejects.toThrow(/within/)
    await expect(nested).rejects.toThrow(SojournError)
    expect(await session.transact((_s) => 2)).toBe(2)
  })

  test('transact within transact by another handle ends with an error too', async () => {
    const { open } = await stand(make())
    const session = await open()
    vi.useFakeTimers({ toFake: ['setTimeout', 'clearTimeout'] })
    try {
      const nested = session.transact(async (_s) => session.transact((s) => s.set('a', 2)))
      const outcome = expect(nested).rejects.toThrow(NestedTransact)
      for (let i = 0; i < 20; i++) await new Promise((resolve) => setImmediate(resolve))
      vi.advanceTimersByTime(10_000)
      await outcome
    } finally {
      vi.useRealTimers()
    }
  })

  test('transact keeps what the request changed before, beside and after it', async () => {
    const { site, open, held, key } = await stand(make())
    const session = await open()
    const loaded = async (): Promise<Iterable<[string, string]>> => (await site.engine.load(key))?.cells ?? []
    const cart = session['cart'] as unknown[]
    cart.push('before')
    session['before'] = 1
    let tries = 0
    const running = session.transact(async (s) => {
      expect(s['before']).toBe(1)
      tries++
      if (tries === 1)
        await site.engine.save(key, { cells: new Map([...(await loaded()), ['theirs', '1']]), expires: 4e12 })
      await null
      s.set('a', Number(s.get('a')) + 1)
    })
    for (let i = 0; i < 3; i++) await null
    session['beside'] = 1
    await running
    cart.push('after')
    session['after'] = 1
    stateOf(session).noticeNested()
    await session.save()
    expect(await held(key)).toEqual({ a: 2, cart: [1, 'before', 'after'], before: 1, beside: 1, after: 1, theirs: 1 })
  })

  test('a nested value that a transaction gave is watched afterwards', async () => {
    const { open, held, key } = await stand(make())
    const session = await open()
    const cart = await session.transact((s) => {
      s.set('a', 2)
      return s.get('cart') as number[]
    })
    cart.push(2)
    stateOf(session).noticeNested()
    await session.save()
    expect(await held(key)).toMatchObject({ cart: [1, 2] })
  })

  test('transactions of a visitor who has no session yet make one, and count all', async () => {
    const it = await stand(make())
    const session = it.site.sessions.open()
    const count = (s: Session): void => s.set('views', Number(s.get('views', 0)) + 1)
    await Promise.all([session.transact(count), session.transact(count), session.transact(count)])
    expect(await it.held(session.sessionKey)).toEqual({ views: 3 })
    expect(await alive(it)).toBe(2)
  })

  test('transact that only reads writes nothing', async () => {
    const { open, engine } = await stand(make())
    const session = await open()
    engine.recount()
    expect(await session.transact((s) => s.get('a'))).toBe(1)
    expect(engine.count('save')).toBe(0)
  })

  test.each([false, true])(
    'a new key made within transact stays, whether it is awaited or not (%s)',
    async (awaited) => {
      const it = await stand(make())
      const session = await it.open()
      await session.transact(async (s) => {
        s.set('a', 2)
        if (awaited) await s.cycleKey()
        else void s.cycleKey()
        s.set('late', 1)
      })
      expect(session.sessionKey).not.toBe(it.key)
      expect(await it.held(session.sessionKey)).toEqual({ a: 2, cart: [1], late: 1 })
      expect(await it.held(it.key)).toBeNull()
      expect(await alive(it)).toBe(1)
    },
  )

  test('a new key made by a function that then fails is the new key', async () => {
    const it = await stand(make())
    const session = await it.open()
    const failing = session.transact(async (s) => {
      await s.cycleKey()
      throw new RangeError('no')
    })
    await expect(failing).rejects.toThrow(RangeError)
    expect(await it.held(session.sessionKey)).toEqual({ a: 1, cart: [1] })
    expect(await alive(it)).toBe(1)
  })

  test.each(['the save at its end', 'a save it caught'])('a new key stays, though %s fails', async (what) => {
    const it = await stand(make())
    const session = await it.open()
    const failing = session.transact(async (s) => {
      await s.cycleKey()
      it.engine.fail = ['save']
      s.set('late', 1)
      if (what === 'a save it caught') await (async () => s.save())().catch(() => undefined)
    })
    await expect(failing).rejects.toThrow(StoreUnavailable)
    it.engine.fail = []
    expect(await it.held(session.sessionKey)).toEqual({ a: 1, cart: [1] })
    expect([stateOf(session).cycled, await alive(it)]).toEqual([true, 1])
  })

  test('flush beside a transaction wins', async () => {
    const it = await stand(make())
    for (const key of [KEY, null]) {
      const session = it.site.sessions.open(key)
      await session.load()
      let go = (): void => undefined
      const gate = new Promise<void>((resolve) => {
        go = resolve
      })
      const running = session.transact(async (s) => {
        s.set('secret', 1)
        await gate
      })
      const outcome = expect(running).rejects.toThrow(SessionInterrupted)
      for (let i = 0; i < 5; i++) await new Promise((resolve) => setImmediate(resolve))
      const flushing = session.flush()
      go()
      await Promise.all([outcome, flushing])
      expect({ ...session }).toEqual({})
      expect(await alive(it)).toBe(0)
    }
  })

  const beside: readonly [string, (s: Session) => unknown][] = [
    ['a save', (s) => s.save()],
    ['a new key', (s) => s.cycleKey()],
    ['a transaction', (s) => s.transact((own) => own.set('b', 1))],
  ]
  for (const [key, before] of [
    [KEY, { a: 1, cart: [1] }],
    [null, {}],
  ] as const) {
    test.each(beside)(`%s beside a transaction waits for it (${key ?? 'no session yet'})`, async (_what, does) => {
      const it = await stand(make())
      const session = it.site.sessions.open(key)
      await session.load()
      const count = session.transact(async (s) => {
        await null
        s.set('n', Number(s.get('n', 0)) + 1)
      })
      session['b'] = 1
      await Promise.all([count, does(session)])
      const after = { n: 1, b: 1 }
      expect(await it.held(session.sessionKey)).toEqual({ ...before, ...after })
      expect({ ...session }).toEqual({ ...before, ...after })
      expect(await alive(it)).toBe(key === null ? 2 : 1)
    })
  }

  test.each(['set', 'delete'] as const)('%s beside a transaction that read the value stays', async (what) => {
    const { open, held, key } = await stand(make())
    const session = await open()
    const running = session.transact(async (s) => {
      s.get('cart')
      s.set('n', 1)
      await new Promise((resolve) => setImmediate(resolve))
    })
    for (let i = 0; i < 8; i++) await null
    if (what === 'set') session['cart'] = 5
    else session.delete('cart')
    await running
    expect(session['cart']).toBe(what === 'set' ? 5 : undefined)
    await session.save()
    expect(session['cart']).toBe(what === 'set' ? 5 : undefined)
    expect(await held(key)).toEqual({ a: 1, n: 1, ...(what === 'set' ? { cart: 5 } : {}) })
  })

  test('a nested change before a transaction, and one inside of it, are seen and kept', async () => {
    const { open, held, key } = await stand(make())
    const session = await open()
    const cart = session['cart'] as number[]
    cart.push(2)
    expect(await session.transact((s) => (s.get('cart') as number[]).push(3))).toBe(3)
    expect(await held(key)).toMatchObject({ cart: [1, 2, 3] })
    expect(session['cart']).toEqual([1, 2, 3])
    expect(session.modified).toBe(true)
  })

  test('a change or a new key within a transaction is one of the request, which sends the cookie', async () => {
    const { open } = await stand(make())
    const [changed, moved] = [await open(), await open()]
    await changed.transact((s) => s.set('a', 2))
    expect([changed.modified, stateOf(changed).cycled]).toEqual([true, false])
    await moved.transact((s) => s.cycleKey())
    expect([moved.modified, stateOf(moved).cycled]).toEqual([true, true])
  })

  test('a failure is forgiven once the same succeeds, and only then', async () => {
    const it = await stand(make())
    for (const store of [(s: Session) => s.save(), (s: Session) => s.transact((own) => own.set('n', 1))]) {
      const session = await it.open()
      const settle = async (): Promise<void> => settlePending(stateOf(session))
      session['x'] = Math.random()
      it.engine.fail = ['save']
      await expect((async () => store(session))()).rejects.toThrow(StoreUnavailable)
      await expect(settle()).rejects.toThrow(StoreUnavailable)
      it.engine.fail = []
      await store(session)
      await settle()
    }
  })

  test('what the function throws is no failure of the session, whatever it is', async () => {
    const { open } = await stand(make())
    const session = await open()
    for (const error of [new RangeError('no'), new SessionInterrupted()]) {
      const failing = session.transact((_s) => {
        throw error
      })
      await expect(failing).rejects.toBe(error)
    }
    const unstorable = session.transact((s) => s.set('f', () => 1))
    await expect(unstorable).rejects.toThrow(SessionValueError)
    await settlePending(stateOf(session))
  })

  test('a first transaction that saved by itself and then failed leaves nothing', async () => {
    const it = await stand(make())
    const session = it.site.sessions.open()
    const failing = session.transact(async (s) => {
      s.set('a', 1)
      await s.save()
      throw new RangeError('no')
    })
    await expect(failing).rejects.toThrow(RangeError)
    expect([session.sessionKey, await alive(it)]).toEqual([null, 1])
  })

  test('a new key within a transaction, and flush beside it: nothing stays alive', async () => {
    const it = await stand(make())
    const session = await it.open()
    let flushing: unknown
    const running = session.transact(async (s) => {
      await s.cycleKey()
      flushing = session.flush()
    })
    await expect(running).rejects.toThrow(SessionInterrupted)
    await flushing
    expect(await alive(it)).toBe(0)
  })

  test('a function that could change only another handle is refused', async () => {
    const { open } = await stand(make())
    const session = await open()
    expect(() => session.transact(() => session.set('a', 2))).toThrow(SessionValueError)
  })

  test('loading twice at once asks once', async () => {
    const { site, engine, key } = await stand(make())
    engine.recount()
    const session = site.sessions.open(key)
    await Promise.all([session.load(), session.load()])
    expect(engine.asked).toEqual(['load'])
  })

  test('a new session that was saved explicitly is told to the visitor', async () => {
    const { site } = await stand(make())
    const session = site.sessions.open()
    await session.save()
    expect(session.modified).toBe(true)
  })

  test('two transactions of one session at once run one after the other', async () => {
    const { open, held, key } = await stand(make())
    const session = await open()
    const count = (s: Session): void => s.set('a', Number(s.get('a')) + 1)
    await Promise.all([session.transact(count), session.transact(count)])
    expect(await held(key)).toMatchObject({ a: 3 })
  })

  test('a save is tried again after one that failed', async () => {
    const { engine, open, held, key } = await stand(make())
    const session = await open()
    session['x'] = 1
    engine.fail = ['save']
    await expect(session.save()).rejects.toThrow(StoreUnavailable)
    engine.fail = []
    await session.save()
    expect(await held(key)).toMatchObject({ x: 1 })
  })

  test('flush after a save that failed ends the session all the same', async () => {
    const it = await stand(make())
    const session = await it.open()
    session['x'] = 1
    it.engine.fail = ['save']
    await expect(session.save()).rejects.toThrow(StoreUnavailable)
    it.engine.fail = []
    await session.flush()
    expect(await alive(it)).toBe(0)
  })
})

test('a transaction after the head is refused where its data would go into a cookie', async () => {
  const site = bareSite({ engine: signedCookiesEngine({ secretKey: SECRET }) })
  const first = site.sessions.open()
  first['a'] = 1
  await first.save()
  const session = site.sessions.open(first.sessionKey)
  stateOf(session).sealed = true
  await expect(session.transact((s) => s.set('a', 2))).rejects.toThrow(SessionSealed)
})

describe('while a save is under way', () => {
  const make = ENGINES['memory across a network']
  const table: readonly [string, (s: Session) => unknown, (s: Session) => unknown, Record<string, unknown>][] = [
    ['a key that is set', (s) => s.set('x', 1), (s) => s.set('x', 2), { a: 1, cart: [1], x: 2 }],
    ['another key', (s) => s.set('x', 1), (s) => s.set('y', 2), { a: 1, cart: [1], x: 1, y: 2 }],
    ['a key that goes', (s) => s.set('x', 1), (s) => s.delete('a'), { cart: [1], x: 1 }],
    ['a new key that goes', (s) => s.set('x', 1), (s) => s.delete('x'), { a: 1, cart: [1] }],
    ['a clearing', (s) => s.set('x', 1), (s) => s.clear(), {}],
    ['a change after a clearing', (s) => [s.clear(), s.update({ x: 1, y: 1 })], (s) => s.set('x', 2), { x: 2, y: 1 }],
    [
      'a nested change',
      (s) => s.set('x', [1]),
      (s) => (s.get('x') as number[]).push(2),
      { a: 1, cart: [1], x: [1, 2] },
    ],
    ['a nested value replaced', (s) => s.get('cart'), (s) => s.set('cart', 5), { a: 1, cart: 5 }],
  ]
  test.each(table)('%s is not forgotten', async (_name, before, during, after) => {
    const { open, held, key } = await stand(make())
    const session = await open()
    before(session)
    session.modified = true
    const saving = session.save()
    during(session)
    await saving
    expect({ ...session }).toEqual(after)
    stateOf(session).noticeNested()
    expect(stateOf(session).unsaved).toBe(true)
    await session.save()
    expect(await held(key)).toEqual(after)
  })

  const begun: readonly [string, (s: Session) => unknown][] = [
    ['a save', (s) => s.save()],
    ['cycleKey', (s) => s.cycleKey()],
    ['a save and cycleKey', (s) => [s.save(), s.cycleKey()]],
    ['cycleKey and a save', (s) => [s.cycleKey(), s.save()]],
  ]
  for (const turns of [0, 1, 2, 3, 5, 8]) {
    test.each(begun)(
      `flush ${turns} turns into %s leaves nothing alive and brings nothing back`,
      async (_name, begin) => {
        for (const rival of [false, true]) {
          const it = await stand(make())
          const [session, other] = [await it.open(), await it.open()]
          session['secret'] = 1
          if (rival) {
            other['theirs'] = 1
            await other.save()
          }
          const began = Promise.allSettled([begin(session)].flat())
          for (let i = 0; i < turns; i++) await new Promise((resolve) => setImmediate(resolve))
          await session.flush()
          await began
          expect({ ...session }).toEqual({})
          expect(session.sessionKey).toBeNull()
          expect(await alive(it)).toBe(0)
        }
      },
    )
  }
})
