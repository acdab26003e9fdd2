import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, describe, expect, test, vi } from 'vitest'
import { sojourn as fetchAdapter, getSession } from '../../src/adapters/fetch.js'
import { getUser, login, logout, type User } from '../../src/auth/index.js'
import { locmem } from '../../src/caches/locmem.js'
import { jsonCodec } from '../../src/codecs/json.js'
import { signedCodec } from '../../src/codecs/signed.js'
import type { SettingsInput } from '../../src/core/settings.js'
import type { Cutoffs, IndexEntry, SessionEngine, SessionIndex } from '../../src/core/types.js'
import type { UserSession } from '../../src/core/user-session.js'
import { sqlite } from '../../src/databases/sqlite.js'
import { cacheEngine } from '../../src/engines/cache.js'
import { dbEngine, sessionTables } from '../../src/engines/db.js'
import { fileEngine } from '../../src/engines/file.js'
import { memoryEngine } from '../../src/engines/memory.js'
import { signedCookiesEngine } from '../../src/engines/signed-cookies.js'
import { DbCutoffs } from '../../src/engines/user-index/cutoffs.js'
import { ImproperlyConfigured, SessionInterrupted, StoreUnavailable, TooManySessions } from '../../src/errors.js'
import { type TestClock, testClock } from '../../src/testing/clock.js'
import { authSite, visit } from '../auth/site.js'
import { SECRET, sqliteEngine } from '../support/sites.js'

const folders: string[] = []
afterEach(() => {
  for (const folder of folders.splice(0)) rmSync(folder, { recursive: true })
})

type World = ReturnType<typeof authSite> & { readonly clock: TestClock }

const worlds: readonly (readonly [string, (input?: SettingsInput) => World])[] = [
  [
    'a database',
    (input = {}) => {
      const clock = testClock()
      const { engine } = sqliteEngine({ clock })
      return { ...authSite({ clock, sessionUserIndex: true, ...input, engine }), clock }
    },
  ],
  [
    'a cache',
    (input = {}) => {
      const clock = testClock()
      const engine = cacheEngine({ cache: locmem({ clock }), codec: jsonCodec(), clock })
      return { ...authSite({ clock, sessionUserIndex: true, ...input, engine }), clock }
    },
  ],
  [
    'memory',
    (input = {}) => {
      const clock = testClock()
      return { ...authSite({ clock, sessionUserIndex: true, ...input, engine: memoryEngine({ clock }) }), clock }
    },
  ],
  [
    'files',
    (input = {}) => {
      const clock = testClock()
      const folder = mkdtempSync(join(tmpdir(), 'sojourn-users-'))
      folders.push(folder)
      const engine = fileEngine({
        folder,
        clock,
        sync: false,
        codec: signedCodec({ secretKey: SECRET, clock }),
        ...input,
      })
      return { ...authSite({ clock, sessionUserIndex: true, ...input, engine }), clock }
    },
  ],
]

describe.each(worlds)('sessions of a user in %s', (_, make) => {
  const enter = async ({ site }: World, user: User, userAgent = 'a browser', key?: string): Promise<string> => {
    const headers = { 'user-agent': userAgent }
    return (await visit(site, { key, headers }, (request) => login(request, user))).key as string
  }
  const who = async ({ site }: World, key: string): Promise<string | undefined> =>
    (await visit(site, { key }, (request) => getUser(request))).result?.username

  test('are listed with when and by what they were made, last seen first', async () => {
    const world = make()
    const ann = await world.users.createUser('ann')
    await enter(world, await world.users.createUser('bob'))
    await enter(world, ann, 'a phone')
    world.clock.turn(100)
    await enter(world, ann, 'a laptop')
    const sessions = await world.site.sessions.forUser(ann.id)
    expect(sessions.map(({ userAgent }) => userAgent)).toEqual(['a laptop', 'a phone'])
    expect(sessions[0]?.created.getTime()).toBe(world.clock())
    expect(sessions[0]?.lastSeen.getTime()).toBe(Math.floor(world.clock() / 1000) * 1000)
    expect(await world.site.sessions.count(ann.id)).toBe(2)
    expect(await world.site.sessions.forUser(4711)).toEqual([])
  })

  test('show no key, however they are printed', async () => {
    const world = make()
    const ann = await world.users.createUser('ann')
    const key = await enter(world, ann)
    const [session] = await world.site.sessions.forUser(ann.id)
    const { inspect } = await import('node:util')
    expect(inspect(session, { showHidden: true, depth: 9 }) + JSON.stringify(session)).not.toContain(key)
    expect(session?.id).toMatch(/^[\w-]{22}$/)
  })

  test('are seen again when they are saved, at most once a minute', async () => {
    const world = make()
    const ann = await world.users.createUser('ann')
    const key = await enter(world, ann)
    const seen = async (): Promise<number | undefined> =>
      (await world.site.sessions.forUser(ann.id))[0]?.lastSeen.getTime()
    const change = (): Promise<unknown> =>
      visit(world.site, { key }, (__, { session }) => session.set('a', world.clock()))
    const first = await seen()
    world.clock.turn(59)
    await change()
    expect(await seen()).toBe(first)
    world.clock.turn(1)
    await change()
    expect(await seen()).toBe((first as number) + 60_000)
  })

  test('end one by one: at once, for whoever works in it too', async () => {
    const world = make()
    const ann = await world.users.createUser('ann')
    const [phone, laptop] = [await enter(world, ann, 'a phone'), await enter(world, ann, 'a laptop')]
    const late = visit(world.site, { key: phone }, async (__, { session }) => {
      session.set('cart', [1])
      const [, old] = (await world.site.sessions.forUser(ann.id)).sort((a, b) => (a.userAgent < b.userAgent ? -1 : 1))
      expect(await world.site.sessions.revoke(old as UserSession)).toBe(true)
      expect(await world.site.sessions.revoke(old as UserSession)).toBe(false)
    })
    await expect(late).rejects.toBeInstanceOf(SessionInterrupted)
    expect(await who(world, phone)).toBeUndefined()
    expect(await who(world, laptop)).toBe('ann')
    expect(await world.site.sessions.count(ann.id)).toBe(1)
    expect(await world.site.sessions.revoke(laptop)).toBe(true)
    expect(await world.site.sessions.forUser(ann.id)).toEqual([])
  })

  test('end all, or all others', async () => {
    const world = make()
    const ann = await world.users.createUser('ann')
    const bob = await enter(world, await world.users.createUser('bob'))
    const keys = [await enter(world, ann), await enter(world, ann), await enter(world, ann)]
    const { result } = await visit(world.site, { key: keys[1] as string }, async (request) => {
      const mine = await world.site.sessions.forUser(ann.id)
      expect(mine.filter((session) => session.isOf(request))).toHaveLength(1)
      return world.site.sessions.revokeUser(ann.id, { except: request })
    })
    expect(result).toBe(2)
    expect(await Promise.all(keys.map((key) => who(world, key)))).toEqual([undefined, 'ann', undefined])
    expect(await world.site.sessions.revokeUser(ann.id)).toBe(1)
    expect(await who(world, keys[1] as string)).toBeUndefined()
    expect(await who(world, bob)).toBe('bob')
  })

  test('leave the list at logout, at their end, and under a new key are still one', async () => {
    const world = make({ sessionCookieAge: 1000 })
    const ann = await world.users.createUser('ann')
    const first = await enter(world, ann)
    const created = (await world.site.sessions.forUser(ann.id))[0]?.created
    const renewed = await visit(world.site, { key: first }, (__, { session }) => session.cycleKey())
    world.clock.turn(10)
    const again = await world.site.sessions.forUser(ann.id)
    expect(again.map((session) => session.created)).toEqual([created])
    await visit(world.site, { key: renewed.key }, (request) => logout(request))
    expect(await world.site.sessions.forUser(ann.id)).toEqual([])
    await enter(world, ann)
    world.clock.turn(1001)
    expect(await world.site.sessions.forUser(ann.id)).toEqual([])
  })

  test('are noted before they are there, so that whoever ends all of them knows of each', async () => {
    const world = make()
    const ann = await world.users.createUser('ann')
    const noted: boolean[] = []
    const { create } = world.engine
    world.engine.create = async (key, record) => {
      const entries = await world.engine.users?.of(String(ann.id))
      noted.push(entries?.some((entry) => entry.key === key) ?? false)
      return create.call(world.engine, key, record)
    }
    await enter(world, ann)
    expect(noted).toEqual([true])
  })

  test('leave nothing in the index, whichever way they end', async () => {
    const world = make()
    const ann = await world.users.createUser('ann')
    const listed = async (): Promise<number | undefined> => (await world.engine.users?.of(String(ann.id)))?.length
    await visit(world.site, { key: await enter(world, ann) }, (request) => logout(request))
    expect(await listed()).toBe(0)
    await enter(world, ann)
    const [session] = await world.site.sessions.forUser(ann.id)
    await world.site.sessions.revoke(session as UserSession)
    expect(await listed()).toBe(0)
    await world.site.sessions.revoke(await enter(world, ann))
    expect(await listed()).toBe(0)
    await enter(world, ann)
    await world.site.sessions.revokeUser(ann.id)
    expect(await listed()).toBe(0)
  })

  test('that are just being made are not listed, and not forgotten either for a minute', async () => {
    const world = make()
    const index = world.engine.users as SessionIndex
    const [user, key, now] = ['4711', 'm'.repeat(32), world.clock()]
    await index.put({ user, key, created: now, seen: now, expires: now + 1e6, userAgent: '', address: '' })
    world.clock.turn(59)
    expect(await world.site.sessions.forUser(user)).toEqual([])
    expect(await index.of(user)).toHaveLength(1)
    world.clock.turn(2)
    expect(await world.site.sessions.forUser(user)).toEqual([])
    expect(await index.of(user)).toEqual([])
  })

  test('that get a new key long after the login are not forgotten while that is being made', async () => {
    const world = make()
    const index = world.engine.users as SessionIndex
    const [user, key, now] = ['4711', 'm'.repeat(32), world.clock()]
    const rest = { expires: now + 1e6, userAgent: '', address: '' }
    await index.put({ user, key, created: now - 3_600_000, seen: now, ...rest })
    expect(await world.site.sessions.forUser(user)).toEqual([])
    expect(await index.of(user)).toHaveLength(1)
  })

  test('that are just being made while all are ended are ended by the next one who ends all', async () => {
    const world = make()
    const ann = await world.users.createUser('ann')
    const { create } = world.engine
    world.engine.create = async (key, record) => {
      expect(await world.site.sessions.revokeUser(ann.id)).toBe(0)
      return create.call(world.engine, key, record)
    }
    const key = await enter(world, ann)
    world.engine.create = create
    expect(await who(world, key)).toBe('ann')
    expect(await world.site.sessions.count(ann.id)).toBe(1)
    expect(await world.site.sessions.revokeUser(ann.id)).toBe(1)
    expect(await who(world, key)).toBeUndefined()
  })

  test('stay on the list while a Django beside moves their end and they are only read here, and get no new life by it', async () => {
    const world = make({ sessionCookieAge: 1000 })
    const { engine, clock } = world
    const ann = await world.users.createUser('ann')
    const key = await enter(world, ann)
    const end = async () => (await engine.load(key))?.expires?.()
    for (let i = 0; i < 6; i++) {
      clock.turn(500)
      const loaded = await engine.load(key)
      if (loaded !== null) await engine.save(key, { cells: loaded.cells, expires: clock() + 900_000 }, loaded.version)
      const moved = await end()
      expect(await who(world, key)).toBe('ann')
      expect(await end()).toBe(moved)
      expect(await world.site.sessions.count(ann.id)).toBe(1)
    }
    clock.turn(899)
    expect(await world.site.sessions.revokeUser(ann.id)).toBe(1)
    expect(await who(world, key)).toBeUndefined()
  })

  test('are noted anew only when the moved end is further off than what is left of the noted one', async () => {
    const world = make({ sessionCookieAge: 1000 })
    const { engine, clock } = world
    const key = await enter(world, await world.users.createUser('ann'))
    let notes = 0
    const { put } = engine.users as SessionIndex
    ;(engine.users as SessionIndex).put = (entry) => {
      notes++
      return put.call(engine.users, entry)
    }
    const move = async (seconds: number): Promise<void> => {
      const loaded = await engine.load(key)
      await engine.save(key, { cells: loaded?.cells ?? new Map(), expires: clock() + seconds * 1000 }, loaded?.version)
      await who(world, key)
    }
    clock.turn(200)
    await move(1000)
    expect(notes).toBe(0)
    clock.turn(400)
    await move(1000)
    expect(notes).toBe(1)
  })

  test('of a Django beside keep none of what a page that failed has changed, when they are noted', async () => {
    vi.spyOn(console, 'error').mockReturnValue(undefined)
    const world = make()
    const ann = await world.users.createUser('ann')
    const key = await enter(world, ann)
    const renewed = 'd'.repeat(32)
    const loaded = await world.engine.load(key)
    await world.engine.create(renewed, { cells: loaded?.cells ?? new Map(), expires: world.clock() + 1e6 })
    const response = await fetchAdapter(world.site)(async (request) => {
      ;(await getSession(request)).cart = 'full'
      throw new Error('no such page')
    })(new Request('http://example.com/', { headers: { cookie: `sessionid=${renewed}` } }))
    expect(response.status).toBe(500)
    expect([...((await world.engine.load(renewed))?.cells.keys() ?? [])]).not.toContain('cart')
    expect((await world.engine.users?.of(String(ann.id)))?.map((entry) => entry.key)).toContain(renewed)
  })

  test('do not end but for one of which the store cannot be asked', async () => {
    const world = make({ sessionOnStoreError: 'read-only' })
    const ann = await world.users.createUser('ann')
    const key = await enter(world, ann)
    vi.spyOn(world.engine, 'load').mockImplementationOnce(() => {
      throw new Error('away')
    })
    const others = visit(world.site, { key }, async (request) => {
      await getUser(request)
      return world.site.sessions.revokeUser(ann.id, { except: request })
    })
    await expect(others).rejects.toBeInstanceOf(StoreUnavailable)
    expect(await who(world, key)).toBe('ann')
  })

  test('of a Django beside have an end that cannot be moved, from their first visit on', async () => {
    const world = make({ sessionAbsoluteAge: 3600 })
    const ann = await world.users.createUser('ann')
    const key = await enter(world, ann)
    const loaded = await world.engine.load(key)
    const cells = new Map([...(loaded?.cells ?? [])].filter(([name]) => !/^_sojourn|_session_expiry/.test(name)))
    const made = 'd'.repeat(32)
    await world.engine.create(made, { cells, expires: world.clock() + 1_209_600_000 })
    expect(await who(world, made)).toBe('ann')
    world.clock.turn(3601)
    expect(await who(world, made)).toBeUndefined()
  })

  describe.each(['evict', 'reject'] as const)('and whose login cannot be counted (%s)', (maxSessionsPerUserPolicy) => {
    const onReject = maxSessionsPerUserPolicy === 'reject' ? test : () => undefined
    const shop = () => {
      const world = make({ maxSessionsPerUser: 2, maxSessionsPerUserPolicy })
      const withSession = fetchAdapter(world.site)
      let cookie = ''
      const ask = async (handler: (request: Request) => unknown): Promise<string> => {
        const response = await withSession(async (request) => new Response(String(await handler(request))))(
          new Request('http://example.com/', { headers: { cookie } }),
        )
        const sent = response.headers.getSetCookie().find((line) => line.startsWith('sessionid='))
        if (sent !== undefined) cookie = sent.split(';')[0] as string
        return response.status === 200 ? response.text() : String(response.status)
      }
      const here = async (request: Request): Promise<string> => {
        const session = await getSession(request)
        return `${(await getUser(request))?.username} ${session.get('cart')}`
      }
      return { ...world, ask, here }
    }

    test.each([1, 2])('keep what the visitor had before, and nobody is in (failure %i)', async (nth) => {
      vi.spyOn(console, 'error').mockReturnValue(undefined)
      const { ask, here, users, engine } = shop()
      const ann = await users.createUser('ann')
      await ask(async (request) => void ((await getSession(request)).cart = 'full'))
      const index = engine.users as SessionIndex
      const { of } = index
      let asked = 0
      index.of = (user) => {
        if (++asked === nth) throw new Error('gone')
        return of.call(index, user)
      }
      expect(await ask((request) => login(request, ann))).toBe('503')
      expect(await ask(here)).toBe('undefined full')
      expect(await index.of(String(ann.id))).toEqual([])
      expect(await ask((request) => login(request, ann))).toBe('undefined')
      expect(await ask(here)).toBe('ann full')
    })

    test.each(['put', 'create'] as const)('stay what they were where the login cannot be stored (%s)', async (what) => {
      vi.spyOn(console, 'error').mockReturnValue(undefined)
      const { ask, here, users, engine, site } = shop()
      const ann = await users.createUser('ann')
      await ask(async (request) => void ((await getSession(request)).cart = 'full'))
      const place = (what === 'put' ? engine.users : engine) as unknown as Record<typeof what, () => unknown>
      const fails = async (handler: (request: Request) => unknown): Promise<string> => {
        const own = place[what]
        place[what] = () => {
          throw new Error('gone')
        }
        const answer = await ask(handler)
        place[what] = own
        return answer
      }
      for (const name of [undefined, 'ann']) {
        expect(await fails((request) => login(request, ann))).toBe('503')
        expect(await ask(here)).toBe(`${name} full`)
        let meanwhile: string | undefined
        const refused = async (request: Request): Promise<void> => {
          await expect(async () => login(request, ann)).rejects.toBeInstanceOf(StoreUnavailable)
          meanwhile = await here(request)
        }
        expect([await fails(refused), meanwhile]).toEqual(['503', `${name} full`])
        expect(await ask(here)).toBe(`${name} full`)
        await ask((request) => login(request, ann))
      }
      expect(await site.sessions.count(ann.id)).toBe(1)
    })

    test('end for good where the store fails for longer: what it still has is nobody’s, and goes when it is back', async () => {
      vi.spyOn(console, 'error').mockReturnValue(undefined)
      vi.useFakeTimers({ toFake: ['setTimeout', 'clearTimeout'] })
      try {
        const { ask, here, users, engine, site } = shop()
        const ann = await users.createUser('ann')
        const index = engine.users as SessionIndex
        const { of } = index
        let asked = 0
        index.of = (user) => {
          if (++asked === 2) throw new Error('gone')
          return of.call(index, user)
        }
        const gone = engine.delete
        engine.delete = () => {
          throw new Error('gone too')
        }
        expect(await ask((request) => login(request, ann))).toBe('503')
        expect(await ask(here)).toBe('undefined undefined')
        expect(await site.sessions.count(ann.id)).toBe(1)
        engine.delete = gone
        await vi.advanceTimersByTimeAsync(1000)
        expect(await site.sessions.count(ann.id)).toBe(0)
      } finally {
        vi.useRealTimers()
      }
    })

    onReject('or is one too many: nothing says that somebody proved who they are', async () => {
      const world = make({ maxSessionsPerUser: 1, maxSessionsPerUserPolicy, sessionAuthTime: true })
      const ann = await world.users.createUser('ann')
      await enter(world, ann)
      const { result } = await visit(world.site, {}, async (request, { state, session }) => {
        session.set('cart', 'full')
        await Promise.resolve(login(request, ann)).catch(() => undefined)
        return [...state.cells().keys()]
      })
      expect(result).toEqual(['cart'])
    })

    onReject('or is one too many: whoever else was logged in here stays so', async () => {
      const world = make({ maxSessionsPerUser: 1, maxSessionsPerUserPolicy })
      const [ann, ben] = [await world.users.createUser('ann'), await world.users.createUser('ben')]
      await enter(world, ben)
      const key = await enter(world, ann)
      for (const later of [0, 60]) {
        world.clock.turn(later)
        const refused = visit(world.site, { key }, (request) => login(request, ben))
        await expect(refused).rejects.toBeInstanceOf(TooManySessions)
        expect(await who(world, key)).toBe('ann')
      }
    })

    onReject('or is one too many, and there was nothing before: nothing is stored, no cookie is sent', async () => {
      const world = make({ maxSessionsPerUser: 1, maxSessionsPerUserPolicy, sessionAbsoluteAge: 3600 })
      const ann = await world.users.createUser('ann')
      await enter(world, ann)
      const withSession = fetchAdapter(world.site)
      const answer = await withSession(async (request) => {
        await login(request, ann)
        return new Response()
      })(new Request('http://example.com/'))
      expect([answer.status, answer.headers.getSetCookie()]).toEqual([403, []])
    })

    test('of another password do not count: whoever has a new one gets in, and nobody else has to go', async () => {
      const world = make({ maxSessionsPerUser: 2, maxSessionsPerUserPolicy })
      const ann = await world.users.createUser('ann', 'the first password')
      const old = [await enter(world, ann), await enter(world, ann)]
      const renewed = await world.users.setPassword(ann, 'the second password')
      const first = await enter(world, renewed)
      // A page that asks for no user has seen the old ones last.
      world.clock.turn(120)
      for (const key of old) await visit(world.site, { key }, (_, { session }) => session.set('cart', 'full'))
      const second = await enter(world, renewed)
      for (const key of [first, second]) expect(await who(world, key)).toBe('ann')
    })

    test('are never more than allowed, also of five who log in again at once with one cookie', async () => {
      const world = make({ maxSessionsPerUser: 1, maxSessionsPerUserPolicy })
      const ann = await world.users.createUser('ann')
      const key = await enter(world, ann)
      const again = Array.from({ length: 5 }, () =>
        visit(world.site, { key }, async (request, { state }) => {
          state.get('cart')
          await new Promise(setImmediate)
          await login(request, ann)
        }).catch(() => undefined),
      )
      const keys = (await Promise.all(again)).flatMap((each) => (each?.key === undefined ? [] : [each.key]))
      expect((await Promise.all(keys.map((each) => who(world, each)))).filter(Boolean).length).toBeLessThanOrEqual(1)
      expect(await world.site.sessions.count(ann.id)).toBeLessThanOrEqual(1)
    })

    test('a login that comes second to another of the same session leaves its cookie alone', async () => {
      vi.spyOn(console, 'error').mockReturnValue(undefined)
      const world = make({ maxSessionsPerUser: 1, maxSessionsPerUserPolicy })
      const ann = await world.users.createUser('ann')
      const withSession = fetchAdapter(world.site)
      const put = withSession(async (request) => {
        ;(await getSession(request)).cart = 'full'
        return new Response()
      })
      const first = await put(new Request('http://example.com/'))
      const cookie = first.headers.getSetCookie()[0]?.split(';')[0] as string
      const enterAgain = withSession(async (request) => {
        await getSession(request)
        await new Promise(setImmediate)
        await login(request, ann)
        return new Response()
      })
      const answers = await Promise.all(
        Array.from({ length: 3 }, () => enterAgain(new Request('http://example.com/', { headers: { cookie } }))),
      )
      for (const { status, headers } of answers) {
        if (status !== 200) expect([status, headers.getSetCookie()]).toEqual([status, []])
      }
      const keys = answers.flatMap(({ headers }) =>
        headers.getSetCookie().map((line) => /sessionid=(\w+)/.exec(line)?.[1] ?? ''),
      )
      expect((await Promise.all(keys.map((key) => who(world, key)))).filter(Boolean)).toEqual(['ann'])
    })

    test('are not more by one whose old session could not be deleted', async () => {
      vi.spyOn(console, 'error').mockReturnValue(undefined)
      const { ask, here, users, engine, site } = shop()
      const ann = await users.createUser('ann')
      for (let i = 0; i < 2; i++) await visit(site, {}, (request) => login(request, ann))
      await ask(async (request) => void ((await getSession(request)).cart = 'full'))
      const { delete: drop } = engine
      engine.delete = () => {
        engine.delete = drop
        throw new Error('gone')
      }
      expect(await ask((request) => login(request, ann))).toBe('503')
      expect(await ask(here)).toBe('undefined full')
      expect(await site.sessions.count(ann.id)).toBe(2)
    })

    test('leave none that nobody holds where a key could not be deleted', async () => {
      vi.spyOn(console, 'error').mockReturnValue(undefined)
      vi.useFakeTimers({ toFake: ['setTimeout', 'clearTimeout'] })
      try {
        const { ask, here, users, engine, site } = shop()
        const ann = await users.createUser('ann')
        await ask(async (request) => {
          ;(await getSession(request)).cart = 'full'
          await login(request, ann)
        })
        const { delete: drop } = engine
        engine.delete = () => {
          engine.delete = drop
          throw new Error('gone')
        }
        expect(await ask((request) => login(request, ann))).toBe('503')
        expect(await ask(here)).toBe('undefined full')
        await vi.advanceTimersByTimeAsync(1000)
        expect(await site.sessions.count(ann.id)).toBe(0)
      } finally {
        vi.useRealTimers()
      }
    })

    test('are not more by one that was made, and whose store said so too late', async () => {
      vi.spyOn(console, 'error').mockReturnValue(undefined)
      vi.useFakeTimers({ toFake: ['setTimeout', 'clearTimeout'] })
      try {
        const { ask, users, engine, site } = shop()
        const ann = await users.createUser('ann')
        const { create } = engine
        engine.create = async (key, record) => {
          await create.call(engine, key, record)
          throw new Error('no answer')
        }
        expect(await ask((request) => login(request, ann))).toBe('503')
        expect(await site.sessions.count(ann.id)).toBe(1)
        await vi.advanceTimersByTimeAsync(1000)
        expect(await site.sessions.count(ann.id)).toBe(0)
      } finally {
        vi.useRealTimers()
      }
    })

    onReject('or is one too many: the cart stays too', async () => {
      const { ask, here, users, site } = shop()
      const ann = await users.createUser('ann')
      for (let i = 0; i < 2; i++) await visit(site, {}, (request) => login(request, ann))
      await ask(async (request) => void ((await getSession(request)).cart = 'full'))
      expect(await ask((request) => login(request, ann))).toBe('403')
      expect(await ask(here)).toBe('undefined full')
      expect(await site.sessions.count(ann.id)).toBe(2)
    })
  })

  test('end though their list cannot be changed, which is mended the next time', async () => {
    const world = make()
    const ann = await world.users.createUser('ann')
    const keys = [await enter(world, ann), await enter(world, ann)]
    const index = world.engine.users as SessionIndex
    const { remove } = index
    index.remove = () => {
      throw new Error('changed by others all the time')
    }
    expect(await world.site.sessions.revokeUser(ann.id)).toBe(2)
    expect(await Promise.all(keys.map((key) => who(world, key)))).toEqual([undefined, undefined])
    index.remove = remove
    world.clock.turn(61)
    expect(await world.site.sessions.revokeUser(ann.id)).toBe(0)
    expect(await index.of(String(ann.id))).toEqual([])
  })

  test('many of them are ended, and few changes take them off their list', async () => {
    const world = make()
    const ann = await world.users.createUser('ann')
    for (let i = 0; i < 150; i++) await enter(world, ann)
    const index = world.engine.users as SessionIndex
    const { remove } = index
    const removed: number[] = []
    index.remove = (user, keys) => {
      removed.push(keys.length)
      return remove.call(index, user, keys)
    }
    expect(await world.site.sessions.revokeUser(ann.id)).toBe(150)
    expect([removed, await index.of(String(ann.id))]).toEqual([[100, 50], []])
  })

  test('are known for as long as they live, also those that are to live longer than others', async () => {
    const world = make({ sessionCookieAge: 1000 })
    const ann = await world.users.createUser('ann')
    const key = await enter(world, ann)
    await visit(world.site, { key }, (__, { session }) => session.setExpiry(100_000))
    world.clock.turn(1500)
    expect(await who(world, key)).toBe('ann')
    expect(await world.site.sessions.count(ann.id)).toBe(1)
    expect(await world.site.sessions.revokeUser(ann.id)).toBe(1)
    expect(await who(world, key)).toBeUndefined()
  })

  test('end when they end, however often they are read', async () => {
    const world = make({ sessionCookieAge: 600 })
    const ann = await world.users.createUser('ann')
    const key = await enter(world, ann)
    for (let i = 0; i < 39; i++) {
      world.clock.turn(15)
      expect(await who(world, key)).toBe('ann')
    }
    world.clock.turn(15)
    expect(await who(world, key)).toBeUndefined()
  })

  test('of whom there are too many to be listed, the one seen longest ago ends', async () => {
    const world = make()
    const ann = await world.users.createUser('ann')
    const keys = [await enter(world, ann), await enter(world, ann)]
    const index = world.engine.users as SessionIndex
    const { put } = index
    index.put = async (entry) => [...(await put.call(index, entry)), keys[0] as string]
    await enter(world, ann)
    expect(await Promise.all(keys.map((key) => who(world, key)))).toEqual([undefined, 'ann'])
  })

  test('are kept with as much of an address as there is room for', async () => {
    const world = make({ sessionUserIndexDetails: true })
    const ann = await world.users.createUser('ann')
    const headers = { 'user-agent': 'a'.repeat(1000) }
    const address = '1'.repeat(1000)
    await visit(world.site, { headers, address }, (request) => login(request, ann))
    const [session] = await world.site.sessions.forUser(ann.id)
    expect([session?.userAgent.length, session?.address.length]).toEqual([300, 64])
  })

  test('end with all others also if they get a new key meanwhile', async () => {
    const world = make()
    const ann = await world.users.createUser('ann')
    const key = await enter(world, ann)
    const index = world.engine.users as SessionIndex
    const { of } = index
    let renewed: string | undefined
    index.of = async (user) => {
      const entries = await of.call(index, user)
      if (renewed === undefined)
        renewed = (await visit(world.site, { key }, (__, { session }) => session.cycleKey())).key
      return entries
    }
    expect(await world.site.sessions.revokeUser(ann.id)).toBe(1)
    expect(await who(world, renewed as string)).toBeUndefined()
  })

  test('are found again under the key that a Django gave them, at their first visit, without a cookie', async () => {
    const world = make()
    const ann = await world.users.createUser('ann')
    const key = await enter(world, ann)
    const loaded = await world.engine.load(key)
    const other = 'd'.repeat(32)
    await world.engine.create(other, { cells: loaded?.cells ?? new Map(), expires: world.clock() + 1e6 })
    await world.engine.delete(key)
    expect(await world.site.sessions.forUser(ann.id)).toEqual([])
    const { response } = await visit(world.site, { key: other }, (request) => getUser(request))
    expect(response.cookies).toEqual([])
    expect(await world.site.sessions.count(ann.id)).toBe(1)
    expect(await world.site.sessions.revokeUser(ann.id)).toBe(1)
    expect(await who(world, other)).toBeUndefined()
  })

  test('an index that fails does not harm a page that only reads', async () => {
    const world = make()
    const ann = await world.users.createUser('ann')
    const key = await enter(world, ann)
    const other = 'd'.repeat(32)
    const loaded = await world.engine.load(key)
    await world.engine.create(other, { cells: loaded?.cells ?? new Map(), expires: world.clock() + 1e6 })
    const users = { put: () => Promise.reject(new Error('down')), of: () => [], remove: () => undefined }
    Object.defineProperty(world.engine, 'users', { value: users })
    const { result } = await visit(world.site, { key: other }, (request) => getUser(request))
    expect(result?.username).toBe('ann')
  })

  test('where it cannot be told how many there are, nobody gets in, and nobody is told that somebody did', async () => {
    const world = make({ maxSessionsPerUser: 1 })
    const ann = await world.users.createUser('ann')
    const index = world.engine.users as SessionIndex
    const { of } = index
    index.of = () => {
      throw new Error('down')
    }
    const told: unknown[] = []
    world.site.on('user_logged_in', (event) => told.push(event))
    const { key } = await visit(world.site, {}, async (request) => {
      await expect(Promise.resolve().then(() => login(request, ann))).rejects.toBeInstanceOf(StoreUnavailable)
    }).catch(() => ({ key: undefined }))
    index.of = of
    expect([key, told, await world.site.sessions.count(ann.id)]).toEqual([undefined, [], 0])
    await enter(world, ann)
    expect(told).toHaveLength(1)
  })

  test('one too many may be the very session that comes, where others agree that another came later', async () => {
    const world = make({ maxSessionsPerUser: 1 })
    const ann = await world.users.createUser('ann')
    const later = await enter(world, ann)
    const index = world.engine.users as SessionIndex
    const [noted] = await index.of(String(ann.id))
    await index.put({ ...(noted as IndexEntry), seen: world.clock() + 10_000 })
    await expect(enter(world, ann)).rejects.toBeInstanceOf(SessionInterrupted)
    expect(await who(world, later)).toBe('ann')
    expect(await world.site.sessions.count(ann.id)).toBe(1)
  })

  test('one too many ends the one that was seen longest ago', async () => {
    const world = make({ maxSessionsPerUser: 2 })
    const ann = await world.users.createUser('ann')
    const keys: string[] = []
    for (let i = 0; i < 4; i++) {
      keys.push(await enter(world, ann))
      world.clock.turn(1)
    }
    expect(await Promise.all(keys.map((key) => who(world, key)))).toEqual([undefined, undefined, 'ann', 'ann'])
  })

  test('or is refused, and nothing of it is left', async () => {
    const world = make({ maxSessionsPerUser: 2, maxSessionsPerUserPolicy: 'reject' })
    const ann = await world.users.createUser('ann')
    const keys = [await enter(world, ann), await enter(world, ann)]
    const third = await visit(world.site, {}, async (request) => {
      await expect(Promise.resolve(login(request, ann))).rejects.toBeInstanceOf(TooManySessions)
      return getUser(request)
    })
    expect([third.result, third.key]).toEqual([null, undefined])
    expect(await Promise.all(keys.map((key) => who(world, key)))).toEqual(['ann', 'ann'])
    // Who logs in again in the same browser is no one more.
    expect(await who(world, await enter(world, ann, 'a browser', keys[0]))).toBe('ann')
  })

  test.each([
    ['evict', SessionInterrupted],
    ['reject', TooManySessions],
  ] as const)(
    'many logins at once (%s): never more than allowed, and never none, and the others are told',
    async (policy, error) => {
      const world = make({ maxSessionsPerUser: 3, maxSessionsPerUserPolicy: policy })
      inTurns(world.engine)
      const ann = await world.users.createUser('ann')
      const logins = await Promise.allSettled(Array.from({ length: 10 }, () => enter(world, ann)))
      const keys = logins.flatMap((each) => (each.status === 'fulfilled' ? [each.value] : []))
      const refused = logins.flatMap((each) => (each.status === 'rejected' ? [each.reason] : []))
      for (const each of refused) expect(each).toBeInstanceOf(error)
      const alive = (await Promise.all(keys.map((key) => who(world, key)))).filter((name) => name === 'ann')
      expect(alive.length).toBeLessThanOrEqual(3)
      // Who is to be refused may be told so by others who are refused as well, but never all of them.
      expect(alive.length).toBeGreaterThanOrEqual(policy === 'evict' ? 3 : 1)
      expect(await world.site.sessions.count(ann.id)).toBe(alive.length)
    },
  )
})

/** Lets others come between what an engine that answers at once is asked. */
function inTurns(engine: SessionEngine): void {
  for (const name of ['create', 'save', 'delete'] as const) {
    const own = engine[name] as (...given: unknown[]) => unknown
    Object.defineProperty(engine, name, {
      value: async (...given: unknown[]) => {
        await new Promise((resolve) => setTimeout(resolve, Math.random() * 5))
        return own.apply(engine, given)
      },
    })
  }
}

test('without the setting nothing is noted, and a session has no mark', async () => {
  const { engine } = sqliteEngine({})
  const { site, users } = authSite({ engine })
  const ann = await users.createUser('ann')
  const { key } = await visit(site, {}, (request) => login(request, ann))
  expect(
    [...((await engine.load(key as string))?.cells.keys() ?? [])].filter((name) => name.includes('sojourn')),
  ).toEqual([])
})

test('without the setting nobody is told that there are no sessions, and one by its key can be ended', async () => {
  const database = sqlite('sqlite::memory:')
  await sessionTables(database)
  const engine = dbEngine({ database, codec: signedCodec({ secretKey: SECRET }) })
  const { site, users } = authSite({ engine })
  const ann = await users.createUser('ann')
  const { key } = await visit(site, {}, (request) => login(request, ann))
  const { sessions } = site
  const asked = [sessions.forUser(ann.id), sessions.count(ann.id), sessions.revokeUser(ann.id)]
  for (const each of asked) await expect(each).rejects.toThrow(/sessionUserIndex: true/)
  expect(await sessions.revoke(key as string)).toBe(true)
  expect(await engine.exists(key as string)).toBe(false)
})

describe('sessions of a user in signed cookies', () => {
  const cookies = (input: SettingsInput = {}) => {
    const clock = testClock()
    const { database } = sqliteEngine({})
    const engine = signedCookiesEngine({ secretKey: SECRET, clock })
    const cutoffs = new DbCutoffs(database)
    return { ...authSite({ clock, sessionUserIndex: true, ...input, engine, cutoffs }), clock, cutoffs }
  }
  type Cookies = ReturnType<typeof cookies>
  const enter = async ({ site }: Cookies, user: User, key?: string): Promise<string> =>
    (await visit(site, { key }, (request) => login(request, user))).key as string
  const who = async ({ site }: Cookies, key: string): Promise<string | undefined> =>
    (await visit(site, { key }, (request) => getUser(request))).result?.username

  test('T17: end all at once by a cut-off, also copies of the cookie', async () => {
    const world = cookies()
    const ann = await world.users.createUser('ann')
    const bob = await enter(world, await world.users.createUser('bob'))
    const keys = [await enter(world, ann), await enter(world, ann)]
    world.clock.turn(1)
    expect(await who(world, keys[0] as string)).toBe('ann')
    await world.site.sessions.revokeUser(ann.id)
    expect(await Promise.all(keys.map((key) => who(world, key)))).toEqual([undefined, undefined])
    expect(await who(world, bob)).toBe('bob')
    world.clock.turn(1)
    expect(await who(world, await enter(world, ann))).toBe('ann')
    // Also in the very browser whose cookie still names the user.
    expect(await who(world, await enter(world, ann, keys[0]))).toBe('ann')
  })

  test('T17: a login of the very moment of the cut-off ends too, for nobody knows which was first', async () => {
    const world = cookies()
    const ann = await world.users.createUser('ann')
    const key = await enter(world, ann)
    await world.site.sessions.revokeUser(ann.id)
    expect(await who(world, key)).toBeUndefined()
  })

  test('a cut-off is not taken back by a clock that is behind', async () => {
    const world = cookies()
    const ann = await world.users.createUser('ann')
    world.clock.turn(0.5)
    const key = await enter(world, ann)
    await world.site.sessions.revokeUser(ann.id)
    await world.cutoffs.put(String(ann.id), world.clock() - 500)
    expect(await who(world, key)).toBeUndefined()
  })

  test('a database that fails is StoreUnavailable', async () => {
    const { database } = sqliteEngine({})
    const engine = signedCookiesEngine({ secretKey: SECRET })
    const { site } = authSite({ sessionUserIndex: true, engine, cutoffs: new DbCutoffs(database) })
    await database.execute('DROP TABLE sojourn_cutoff')
    await expect(site.sessions.revokeUser(1)).rejects.toBeInstanceOf(StoreUnavailable)
  })

  test('a database that hangs keeps nobody waiting, and nobody out who is no user', async () => {
    const stuck: Cutoffs = { put: () => undefined, of: () => new Promise(() => undefined) }
    const engine = signedCookiesEngine({ secretKey: SECRET })
    const settings = { sessionUserIndex: true, sessionStoreTimeout: 0.05 }
    const { site, users } = authSite({ ...settings, engine, cutoffs: stuck })
    const ann = await users.createUser('ann')
    const { key } = await visit(site, {}, (request) => login(request, ann))
    await expect(visit(site, { key }, (request) => getUser(request))).rejects.toThrow(/sojourn_cutoff/)
    const cart = await visit(site, { key }, (_, { session }) => session.get('cart', 'none'))
    expect(cart.result).toBe('none')
  })

  test('the session that asks may stay', async () => {
    const world = cookies()
    const ann = await world.users.createUser('ann')
    const [mine, other] = [await enter(world, ann), await enter(world, ann)]
    world.clock.turn(1)
    const { key } = await visit(world.site, { key: mine }, async (request) => {
      await getUser(request)
      return world.site.sessions.revokeUser(ann.id, { except: request })
    })
    expect([await who(world, key as string), await who(world, other)]).toEqual(['ann', undefined])
  })

  test('cannot be listed, nor ended one by one, and say so', async () => {
    const { site } = cookies()
    await expect(site.sessions.forUser(1)).rejects.toBeInstanceOf(ImproperlyConfigured)
    await expect(site.sessions.revoke('a'.repeat(32))).rejects.toBeInstanceOf(ImproperlyConfigured)
  })
})

test('where neither sessions nor their list can be cleared, the error tells of the sessions, and both were tried', async () => {
  const engine = memoryEngine()
  const tried: string[] = []
  const failing = (what: string) => ({ count: () => 0, next: () => fail(tried, what) })
  engine.sweep = () => failing('sessions')
  if (engine.users) engine.users.sweep = () => failing('list')
  const { site } = authSite({ sessionUserIndex: true, engine })
  await expect(site.sessions.clearExpired()).rejects.toMatchObject({ cause: { message: 'sessions' } })
  expect(tried).toEqual(['sessions', 'list'])
})

function fail(tried: string[], what: string): never {
  tried.push(what)
  throw new Error(what)
}
