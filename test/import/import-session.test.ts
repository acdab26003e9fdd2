import { describe, expect, test } from 'vitest'
import { z } from 'zod'
import { getSession, sojourn } from '../../src/adapters/fetch.js'
import { scopeOf } from '../../src/core/scope.js'
import type { SettingsInput } from '../../src/core/settings.js'
import type { MaybePromise, SessionEngine, Version } from '../../src/core/types.js'
import { memoryEngine } from '../../src/engines/memory.js'
import { ImproperlyConfigured, SessionSealed } from '../../src/errors.js'
import { type ImportOptions, importSession } from '../../src/import/index.js'
import { type TestClock, testClock } from '../../src/testing/index.js'
import { SECRET } from '../support/sites.js'

interface Old {
  readonly name: string
}

/** The place where old sessions are, and those that it was asked to forget. */
function oldPlace(name = 'ann') {
  const kept = new Map<string, Old>([['an old id', { name }]])
  return {
    kept,
    options: {
      name: 'old',
      get: (id: string) => kept.get(decodeURIComponent(id)),
      destroy: (id: string) => kept.delete(decodeURIComponent(id)),
    } satisfies ImportOptions<Old>,
  }
}

/** A process of a site: what it answers to a visitor with these cookies. */
function processOf(settings: SettingsInput, options: ImportOptions<Old>) {
  const importOld = importSession(options)
  const withSession = sojourn({ secretKey: SECRET, middleware: ['sessions'], ...settings } as SettingsInput)
  const failures: unknown[] = []
  withSession.site.on('request_failed', ({ error }) => failures.push(error))
  const handler = withSession(async (request) => {
    // As where the head of the response has left.
    if (new URL(request.url).pathname === '/late') scopeOf(request).tooLate()
    await importOld(request)
    if (new URL(request.url).pathname === '/untouched') return new Response('ok')
    const session = await getSession(request)
    if (new URL(request.url).pathname === '/flush') await session.flush()
    if (new URL(request.url).pathname === '/broken') return new Response('an error page', { status: 500 })
    return Response.json({ name: session.get('name', null), key: session.sessionKey })
  })
  return {
    site: withSession.site,
    failures,
    async ask(cookies: string = OLD, path = '/') {
      const response = await handler(new Request(`https://shop.example${path}`, { headers: { cookie: cookies } }))
      const text = await response.text()
      return {
        status: response.status,
        seen: response.status === 200 && path === '/' ? (JSON.parse(text) as { name: unknown; key: unknown }) : null,
        cookies: response.headers.getSetCookie().map((line) => line.split(';')[0] as string),
        headers: response.headers,
      }
    },
  }
}

const DAY = 86_400_000
const OLD = `old=${encodeURIComponent('an old id')}`

/** Two of these are two processes on one store: they share no turns. */
function shared(clock: TestClock): () => Faulty {
  const engine = memoryEngine({ clock })
  return () => new Faulty(engine, Number.POSITIVE_INFINITY, false)
}

/** Something that one waits for and another one gives. */
class Signal {
  give: () => void = () => undefined
  readonly given = new Promise<void>((resolve) => {
    this.give = resolve
  })
}

describe('an old session that several processes move at once', () => {
  test('is moved by one of them, and the others go on with what that one made', async () => {
    const clock = testClock()
    const engine = shared(clock)
    const { options } = oldPlace()
    const mapped: number[] = []
    const processes = [0, 1, 2, 3].map((at) =>
      processOf({ clock, sessionEngine: engine() } as SettingsInput, {
        ...options,
        async map(old, session) {
          mapped.push(at)
          await new Promise((resolve) => setImmediate(resolve))
          session.set('name', old.name)
        },
      }),
    )
    const answers = await Promise.all(processes.flatMap((each) => [each.ask(), each.ask()]))
    expect(mapped).toHaveLength(1)
    expect(answers.map(({ seen }) => seen?.name)).toEqual(Array(8).fill('ann'))
    expect(new Set(answers.map(({ cookies }) => cookies.join('; '))).size).toBe(1)
  })

  test('is not taken from one that is slow: others are a 503 after two seconds, and the slow one wins', async () => {
    const clock = testClock()
    const engine = shared(clock)
    const { options } = oldPlace()
    const gate = new Signal()
    const begun = new Signal()
    const slow = processOf({ clock, sessionEngine: engine() } as SettingsInput, {
      ...options,
      async map(old, session) {
        begun.give()
        await gate.given
        session.set('name', old.name)
      },
    })
    const waiting = engine()
    const other = processOf({ clock, sessionEngine: waiting } as SettingsInput, options)
    const first = slow.ask()
    await begun.given
    const second = other.ask()
    const third = other.ask(OLD, '/untouched')
    await expect.poll(() => waiting.asked).toBeGreaterThan(2)
    // The site's clock stands meanwhile.
    const refused = await second
    expect([refused.status, refused.headers.get('retry-after'), refused.cookies]).toEqual([503, '1', []])
    expect([(await third).status, (await third).cookies]).toEqual([200, []])
    gate.give()
    expect((await first).seen?.name).toBe('ann')
    expect((await other.ask()).seen).toEqual((await first).seen)
  })

  test('is taken from one that is gone for ten seconds, and should it come back it goes on with what the other made', async () => {
    const clock = testClock()
    const engine = shared(clock)
    const { options } = oldPlace()
    const gate = new Signal()
    const begun = new Signal()
    const lost = engine()
    const gone = processOf({ clock, sessionEngine: lost } as SettingsInput, {
      ...options,
      async map(old, session) {
        begun.give()
        await gate.given
        session.set('name', `${old.name}, once more`)
      },
    })
    const other = processOf({ clock, sessionEngine: engine() } as SettingsInput, options)
    const first = gone.ask()
    await begun.given
    clock.turn(11)
    const taken = await other.ask()
    expect(taken.seen?.name).toBe('ann')
    gate.give()
    expect((await first).seen).toEqual(taken.seen)
    // What it had made itself is gone, but for the address that the other one took over.
    const left = await Promise.all(lost.created.map((key) => lost.exists(key)))
    expect(left).toEqual([true, false])
  })

  test('is taken at once from one that is gone and whose clock was a minute ahead', async () => {
    const clock = testClock(Date.now())
    const engine = shared(clock)
    const { options } = oldPlace()
    const gate = new Signal()
    const begun = new Signal()
    const ahead = processOf({ clock: testClock(clock() + 60_000), sessionEngine: engine() } as SettingsInput, {
      ...options,
      async map() {
        begun.give()
        await gate.given
      },
    })
    const first = ahead.ask()
    await begun.given
    expect((await processOf({ clock, sessionEngine: engine() } as SettingsInput, options).ask()).seen?.name).toBe('ann')
    gate.give()
    await first
  })

  test('is found also by one that had asked where it went before it was moved, and the old store after that', async () => {
    const clock = testClock()
    const engine = shared(clock)
    const { options } = oldPlace()
    const gate = new Signal()
    const begun = new Signal()
    const late = processOf({ clock, sessionEngine: engine() } as SettingsInput, {
      ...options,
      async get(id) {
        begun.give()
        await gate.given
        return options.get(id)
      },
    })
    const first = late.ask()
    await begun.given
    const moved = await processOf({ clock, sessionEngine: engine() } as SettingsInput, options).ask()
    gate.give()
    expect((await first).seen).toEqual(moved.seen)
  })

  describe('whose store has written where it went, and failed to say so, is a 503, and', () => {
    const lost = async () => {
      const clock = testClock()
      const { kept, options } = oldPlace()
      // Looked for, claimed, filled, and told where it went.
      const faulty = new Faulty(memoryEngine({ clock }), 3, true)
      const one = processOf({ clock, sessionEngine: faulty } as SettingsInput, options)
      const refused = await one.ask()
      expect([refused.status, refused.cookies, faulty.failed, kept.size]).toEqual([503, [], 'save', 1])
      return { clock, kept, one, faulty }
    }

    test('is what its visitor goes on with who comes again, however late, and once told of it nobody else', async () => {
      const { clock, kept, one, faulty } = await lost()
      clock.turn(3 * 3600)
      const again = await one.ask()
      expect([again.seen?.name, kept.size, faulty.created.length]).toEqual(['ann', 0, 2])
      clock.turn(60)
      expect((await one.ask()).seen).toEqual(again.seen)
      clock.turn(1)
      expect((await one.ask()).seen?.name).toBeNull()
    })

    test('waits for an answer that can tell of it', async () => {
      const { kept, one } = await lost()
      await one.ask(OLD, '/late')
      expect(kept.size).toBe(1)
      const again = await one.ask()
      expect([again.seen?.name, again.cookies.some((line) => line.startsWith('sessionid='))]).toEqual(['ann', true])
    })

    test('is nobody’s after a logout by whoever came again', async () => {
      const { clock, kept, one } = await lost()
      await one.ask(OLD, '/flush')
      clock.turn(61)
      expect([(await one.ask()).seen?.name, kept.size]).toEqual([null, 0])
    })

    test('is ended by a logout of the session that came after the old one', async () => {
      const { kept, one, faulty } = await lost()
      await one.ask(`${OLD}; sessionid=${await strangersKey(one)}`, '/flush')
      expect([(await one.ask()).seen?.name, kept.size]).toEqual([null, 0])
      // The bar, what nobody was told of, and the stranger's.
      const left = await Promise.all(faulty.created.map((key) => faulty.exists(key)))
      expect(left).toEqual([true, false, false])
    })

    test('stays so where the store compares nothing before it deletes', async () => {
      const clock = testClock()
      const faulty = new Faulty(memoryEngine({ clock }), 3, true)
      faulty.compares = false
      const one = processOf({ clock, sessionEngine: faulty } as SettingsInput, oldPlace().options)
      expect((await one.ask()).status).toBe(503)
      const again = await one.ask()
      const { asked } = faulty
      // Whoever made it looks once more what became of it, in the background.
      await expect.poll(() => faulty.asked, { timeout: 10_000 }).toBeGreaterThan(asked)
      const cookie = String(again.cookies.find((line) => line.startsWith('sessionid=')))
      expect((await one.ask(cookie)).seen).toEqual(again.seen)
    })

    test('stays what its visitor goes on with who came again at once; then the old store is told as well', async () => {
      const { clock, kept, one } = await lost()
      const again = await one.ask()
      expect([again.seen?.name, kept.size]).toEqual(['ann', 0])
      clock.turn(61)
      const cookie = String(again.cookies.find((line) => line.startsWith('sessionid=')))
      expect((await one.ask(cookie)).seen).toEqual(again.seen)
    })
  })

  test('whose store fails before it has written where it went is free again a second later, and nothing is left of the first try', async () => {
    const clock = testClock()
    const faulty = new Faulty(memoryEngine({ clock }), 3, false)
    const one = processOf({ clock, sessionEngine: faulty } as SettingsInput, oldPlace().options)
    expect([(await one.ask()).status, faulty.failed]).toEqual([503, 'save'])
    // The site's clock stands: the claim is not over.
    await expect.poll(async () => (await one.ask()).seen?.name, { timeout: 20_000 }).toBe('ann')
    // The address, the session that nobody heard of, the address once more, and the session.
    const left = await Promise.all(faulty.created.map((key) => faulty.exists(key)))
    expect(left).toEqual([true, false, true, true])
  }, 30_000)

  test('is where it went also if the store writes that late, when its mover is about to give it up', async () => {
    const clock = testClock()
    const late = new LateToSave(memoryEngine({ clock }), Number.POSITIVE_INFINITY, false)
    const one = processOf({ clock, sessionEngine: late } as SettingsInput, oldPlace().options)
    expect((await one.ask()).status).toBe(503)
    await expect.poll(() => late.isWritten, { timeout: 10_000 }).toBe(true)
    expect((await one.ask()).seen?.name).toBe('ann')
    expect(late.created).toHaveLength(2)
  })

  test('stays where another process took it, when the slow one fails at last', async () => {
    const clock = testClock()
    const engine = shared(clock)
    const { options } = oldPlace()
    const gate = new Signal()
    const begun = new Signal()
    const slow = processOf({ clock, sessionEngine: engine() } as SettingsInput, {
      ...options,
      async map() {
        begun.give()
        await gate.given
        throw new Error('the map fails')
      },
    })
    const other = processOf({ clock, sessionEngine: engine() } as SettingsInput, { ...options, keep: true })
    const first = slow.ask()
    await begun.given
    clock.turn(11)
    const taken = await other.ask()
    gate.give()
    expect((await first).status).toBe(500)
    expect(taken.seen?.name).toBe('ann')
    expect((await other.ask()).seen).toEqual(taken.seen)
  })

  test('is in no process’s way if nobody can say what became of it: the visitor has a session, or a 503 and then one', async () => {
    // Every operation of the store fails once, before it is done or after.
    for (const after of [false, true]) {
      for (let at = 0; ; at++) {
        const clock = testClock()
        const { kept, options } = oldPlace()
        const faulty = new Faulty(memoryEngine({ clock }), at, after)
        const one = processOf({ clock, sessionEngine: faulty } as SettingsInput, options)
        const first = await one.ask()
        if (faulty.asked <= at) {
          expect(at).toBeGreaterThanOrEqual(4)
          break
        }
        const place = `operation ${at} (${faulty.failed}) ${after ? 'done' : 'not done'}`
        expect([200, 503], place).toContain(first.status)
        if (first.status === 503) expect(first.cookies, place).toEqual([])
        else expect(first.seen?.name, place).toBe('ann')
        clock.turn(11)
        const cookies = first.cookies.find((line) => line.startsWith('sessionid=')) ?? OLD
        const second = await one.ask(cookies)
        expect([second.status, second.seen?.name], place).toEqual([200, 'ann'])
        expect(kept.size, place).toBeLessThanOrEqual(1)
      }
    }
  })
})

describe('importSession', () => {
  test('that a page does not await is an error of that page, and nothing is half done', async () => {
    const { kept, options } = oldPlace()
    const importOld = importSession(options)
    const withSession = sojourn({ secretKey: SECRET, middleware: ['sessions'], sessionEngine: 'memory' })
    const failures: unknown[] = []
    withSession.site.on('request_failed', ({ error }) => failures.push(error))
    let isAwaited = false
    const handler = withSession(async (request) => {
      const moved = importOld(request)
      if (isAwaited) await moved
      return new Response('ok')
    })
    const ask = () => handler(new Request('https://shop.example/', { headers: { cookie: OLD } }))
    const forgotten = await ask()
    expect([forgotten.status, forgotten.headers.getSetCookie(), kept.size]).toEqual([500, [], 1])
    expect(failures[0]).toBeInstanceOf(SessionSealed)
    isAwaited = true
    const names = (await ask()).headers.getSetCookie().map((line) => line.split('=')[0])
    expect([names, kept.size]).toEqual([['old', 'sessionid'], 0])
  })

  test('says whether the request goes on with a session that was moved, also when it is asked twice', async () => {
    const importOld = importSession(oldPlace().options)
    const withSession = sojourn({ secretKey: SECRET, middleware: ['sessions'], sessionEngine: 'memory' })
    const handler = withSession(async (request) => Response.json([await importOld(request), await importOld(request)]))
    const ask = async (cookie: string) =>
      (await handler(new Request('https://shop.example/', { headers: { cookie } }))).json()
    expect(await ask('old=unknown')).toEqual([false, false])
    expect(await ask(OLD)).toEqual([true, true])
    expect(await ask('other=1')).toEqual([false, false])
  })

  test('lets what the old store took away be tried again in the background, and moves nobody twice meanwhile', async () => {
    const { options } = oldPlace()
    const failing = { ...options, destroy: () => Promise.reject(new Error('gone')) }
    const clock = testClock()
    const one = processOf({ clock, sessionEngine: 'memory' } as SettingsInput, failing)
    const moved = await one.ask()
    expect(moved.seen?.name).toBe('ann')
    clock.turn(61)
    expect((await one.ask()).seen?.name).toBeNull()
  })

  test('tells of the new key with an error page too, on the answer that takes the old cookie away', async () => {
    const clock = testClock()
    const one = processOf({ clock, sessionEngine: 'memory' } as SettingsInput, oldPlace().options)
    const { status, cookies } = await one.ask(OLD, '/broken')
    expect([status, cookies.map((line) => line.split('=')[0])]).toEqual([500, ['old', 'sessionid']])
    clock.turn(61)
    expect((await one.ask(cookies[1])).seen?.name).toBe('ann')
  })

  test('keeps an answer that takes an old cookie away out of shared caches, also where the page looks at no session', async () => {
    const clock = testClock()
    const one = processOf({ clock, sessionEngine: 'memory' } as SettingsInput, oldPlace().options)
    await one.ask()
    clock.turn(61)
    const { cookies, headers } = await one.ask(OLD, '/untouched')
    expect([cookies, headers.get('vary'), headers.get('cache-control')]).toEqual([['old=""'], 'Cookie', 'private'])
  })

  test('remembers a move for a day past the old session’s end: what still runs of the old site may put it off', async () => {
    const clock = testClock(Date.now())
    let end = clock() + 30 * DAY
    const options = { ...oldPlace().options, keep: true, endOf: () => end }
    const one = processOf({ clock, sessionEngine: 'memory' } as SettingsInput, options)
    expect((await one.ask()).seen?.name).toBe('ann')
    end += DAY
    clock.turn((30.9 * DAY) / 1000)
    await one.site.sessions.clearExpired()
    expect((await one.ask()).seen?.name).toBeNull()
  })

  test('moves also a session whose end nobody could read', async () => {
    const options = { ...oldPlace().options, endOf: () => Date.parse('the day after') }
    const one = processOf({ sessionEngine: 'memory' } as SettingsInput, options)
    expect((await one.ask()).seen?.name).toBe('ann')
  })

  test('stores nothing for old cookies that visitors make up and log out with', async () => {
    const engine = new Faulty(memoryEngine(), Number.POSITIVE_INFINITY, false)
    const one = processOf({ sessionEngine: engine } as SettingsInput, oldPlace().options)
    for (const n of [0, 1, 2, 3, 4]) {
      expect((await one.ask(`old=junk${n}`, '/flush')).cookies).toContain('old=""')
    }
    expect(engine.created).toEqual([])
    // The control: a true one is barred.
    await one.ask(`${OLD}; sessionid=${await strangersKey(one)}`, '/flush')
    expect(engine.created).toHaveLength(2)
  })

  test('bars an old session at a logout also while the old store cannot say whether it knows it', async () => {
    const { options } = oldPlace()
    let fails = false
    const clock = testClock(Date.now())
    const one = processOf({ clock, sessionEngine: 'memory' } as SettingsInput, {
      name: 'old',
      get: (id) => (fails ? Promise.reject(new Error('away')) : options.get(id)),
    })
    const cookie = `${OLD}; sessionid=${await strangersKey(one)}`
    fails = true
    await one.ask(cookie, '/flush')
    fails = false
    expect((await one.ask()).seen?.name).toBeNull()
    // Nobody could say how long the old one lives: longer than the site's own, perhaps.
    clock.turn((399 * DAY) / 1000)
    await one.site.sessions.clearExpired()
    expect((await one.ask()).seen?.name).toBeNull()
  })

  test('has barred an old session before the answer to a logout is made', async () => {
    const { options } = oldPlace()
    const clock = testClock()
    const engine = new Faulty(memoryEngine({ clock }), Number.POSITIVE_INFINITY, false)
    const get = async (id: string) => {
      await new Promise((resolve) => setImmediate(resolve))
      return options.get(id)
    }
    const one = processOf({ clock, sessionEngine: engine } as SettingsInput, { ...options, get })
    const cookie = `${OLD}; sessionid=${await strangersKey(one)}`
    await one.ask(cookie, '/flush')
    // The stranger's session, and the bar.
    expect(engine.created).toHaveLength(2)
  })

  test('passes over what does not fit sessionSchema where there is no `map`, and tells of it', async () => {
    const sessionSchema = z.object({ name: z.string(), theme: z.string() })
    const get = () => ({ name: 'ann', theme: 5 })
    const one = processOf({ sessionEngine: 'memory', sessionSchema } as SettingsInput, { name: 'old', get } as never)
    const told: string[] = []
    one.site.on('session_schema_mismatch', ({ name }) => told.push(name))
    const { status, seen } = await one.ask()
    expect([status, seen?.name, told]).toEqual([200, 'ann', ['theme']])
    const stored = one.site.sessions.open(String(seen?.key))
    await stored.load()
    expect([...stored]).toEqual([['name', 'ann']])
  })

  test('asks no store for a visitor without an old cookie', async () => {
    const asked: string[] = []
    const options: ImportOptions<Old> = { name: 'old', get: (id) => void asked.push(id) }
    const engine = new Faulty(memoryEngine(), Number.POSITIVE_INFINITY, false)
    const one = processOf({ sessionEngine: engine } as SettingsInput, options)
    await one.ask('other=1', '/untouched')
    expect([asked, engine.asked]).toEqual([[], 0])
  })

  test('shows pages without the session where sessionOnStoreError says so, and both cookies stay', async () => {
    const { options } = oldPlace()
    const settings = { sessionEngine: 'memory', sessionOnStoreError: 'read-only' } as SettingsInput
    const one = processOf(settings, { ...options, get: () => Promise.reject(new Error('gone')) })
    const answer = await one.ask()
    expect([answer.status, answer.seen, answer.cookies]).toEqual([200, { name: null, key: null }, []])
  })

  test('leaves the session unchanged, to the page too, where it shows pages without one', async () => {
    const importOld = importSession({ name: 'old', get: () => Promise.reject(new Error('gone')) })
    const settings = { secretKey: SECRET, sessionEngine: 'memory', sessionOnStoreError: 'read-only' } as const
    const withSession = sojourn({ ...settings, middleware: ['sessions'] })
    const handler = withSession(async (request) => {
      await importOld(request)
      return Response.json((await getSession(request)).modified)
    })
    const answer = await handler(new Request('https://shop.example/', { headers: { cookie: OLD } }))
    expect(await answer.json()).toBe(false)
  })

  test('needs an engine that stores', async () => {
    const one = processOf({ sessionEngine: 'signed_cookies' } as SettingsInput, oldPlace().options)
    expect((await one.ask('')).status).toBe(500)
    expect(one.failures[0]).toBeInstanceOf(ImproperlyConfigured)
  })

  test('refuses at once a cookie that none can be', () => {
    expect(() => importSession({ name: 'a b', get: () => null })).toThrow('cookie name')
  })
})

/** The key of a session that is somebody's already. */
async function strangersKey({ site }: ReturnType<typeof processOf>): Promise<string> {
  const session = site.sessions.open()
  session.set('name', 'bob')
  await session.save()
  return String(session.sessionKey)
}

/** Fails at one operation, counted from 0, before or after it is done. */
class Faulty implements SessionEngine {
  readonly name = 'faulty'
  readonly synchronous = false
  asked = 0
  failed = ''
  /** Whether it deletes only the version that it is told. */
  compares = true
  readonly created: string[] = []
  readonly #engine: SessionEngine
  readonly #at: number
  readonly #after: boolean

  constructor(engine: SessionEngine, at: number, after: boolean) {
    this.#engine = engine
    this.#at = at
    this.#after = after
  }

  load(...given: Parameters<SessionEngine['load']>) {
    return this.#ask('load', () => this.#engine.load(...given))
  }
  create(...given: Parameters<SessionEngine['create']>) {
    this.created.push(given[0])
    return this.#ask('create', () => this.#engine.create(...given))
  }
  save(...given: Parameters<SessionEngine['save']>) {
    return this.#ask('save', () => this.#engine.save(...given))
  }
  delete(key: string, version?: Version) {
    return this.#ask('delete', () => this.#engine.delete(key, this.compares ? version : undefined))
  }
  exists(key: string) {
    return this.#ask('exists', () => this.#engine.exists(key))
  }

  async #ask<T>(operation: string, run: () => MaybePromise<T>): Promise<T> {
    const fails = this.asked++ === this.#at
    if (fails) this.failed = operation
    if (fails && !this.#after) throw new Error('the store fails')
    const result = await run()
    if (fails) throw new Error('the store fails, and has done it')
    return result
  }
}

/** Fails at the first save, and writes it when something is to be deleted. */
class LateToSave extends Faulty {
  isWritten = false
  #late: (() => unknown) | undefined

  override async save(...given: Parameters<SessionEngine['save']>) {
    if (this.isWritten || this.#late !== undefined) return super.save(...given)
    this.#late = () => super.save(...given)
    throw new Error('the store does not answer')
  }
  override async delete(...given: Parameters<SessionEngine['delete']>) {
    await this.#late?.()
    this.#late = undefined
    this.isWritten = true
    return super.delete(...given)
  }
}
