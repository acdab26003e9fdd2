import { describe, expect, test } from 'vitest'
import { getSession } from '../../src/core/get-session.js'
import type { SettingsInput } from '../../src/core/settings.js'
import { memoryEngine } from '../../src/engines/memory.js'
import { CookieTooLarge, SessionNotLoaded, StoreUnavailable } from '../../src/errors.js'
import { getMessages, messages } from '../../src/messages/index.js'
import { randomString } from '../../src/wire/crypto.js'
import { asynchronous, clock, messagesSite, Visitor } from './visits.js'

const LETTERS = 'abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789'
/** Texts that no compression makes short: the cookie has room for two. */
const long = Array.from({ length: 5 }, () => randomString(800, LETTERS))

const addAll = (request: object): void => {
  for (const text of long) messages.info(request, text)
}

describe('the cookie', () => {
  const line = async (settings: SettingsInput, encrypted = false): Promise<string | undefined> => {
    const visitor = new Visitor(messagesSite(settings))
    const { response } = await visitor.visit((request) => messages.info(request, 'x'), { encrypted })
    return response.cookies[0]?.replace(/^messages=[\w.:-]+; /, '')
  }

  test('has the attributes of the session cookie but for path and age', async () => {
    expect(await line({ sessionCookiePath: '/app', sessionCookieAge: 60 })).toBe('HttpOnly; Path=/; SameSite=Lax')
    expect(await line({ sessionCookieHttponly: false, sessionCookieSamesite: 'Strict' })).toBe(
      'Path=/; SameSite=Strict',
    )
    expect(await line({ sessionCookieDomain: 'example.com' })).toBe(
      'Domain=example.com; HttpOnly; Path=/; SameSite=Lax',
    )
    expect(
      await line({ sessionCookieSecure: true, sessionCookieSamesite: 'None', sessionCookiePartitioned: true }),
    ).toBe('HttpOnly; Partitioned; Path=/; SameSite=None; Secure')
  })

  test('is Secure by itself on HTTPS, unless a setting decides', async () => {
    expect(await line({}, true)).toContain('; Secure')
    expect(await line({ sessionCookieSecure: false }, true)).not.toContain('Secure')
    expect(await line({ sessionCookieSecure: true }, false)).toContain('; Secure')
  })

  test('makes the response vary by it once it is looked at, there or not, beside what varied before', async () => {
    const visitor = new Visitor(messagesSite())
    const { response } = await visitor.visit((request) => getMessages(request).length, { headers: { Vary: 'Accept' } })
    expect(response.get('Vary')).toBe('Accept, Cookie')
    expect(response.cookies).toEqual([])
  })

  test('is not deleted where none came', async () => {
    const { response } = await new Visitor(messagesSite()).visit((request) => [...getMessages(request)])
    expect(response.cookies).toEqual([])
  })

  test('makes no session', async () => {
    const engine = memoryEngine({ clock })
    const visitor = new Visitor(messagesSite({}, engine))
    await visitor.visit((request) => messages.info(request, 'x'))
    expect(visitor.cookies.get('sessionid')).toBeUndefined()
    expect(await visitor.shown()).toEqual(['x'])
  })

  test('alone keeps the newest messages that it has room for', async () => {
    const visitor = new Visitor(messagesSite({ messageStorage: 'cookie' }))
    const { response } = await visitor.visit(addAll)
    expect(visitor.cookies.get('messages')?.length).toBeLessThanOrEqual(2048)
    expect(response.cookies).toHaveLength(1)
    expect(await visitor.shown()).toEqual(long.slice(-2))
  })

  test('alone says so with debug on, rather than lose a message', async () => {
    const visitor = new Visitor(messagesSite({ messageStorage: 'cookie', debug: true }))
    await expect(visitor.visit(addAll)).rejects.toThrow(CookieTooLarge)
  })
})

describe('the session', () => {
  test('alone keeps every message in order and sends no cookie but its own', async () => {
    const visitor = new Visitor(messagesSite({ messageStorage: 'session' }))
    await visitor.visit(addAll)
    expect(visitor.cookies.get('messages')).toBeUndefined()
    expect(await visitor.shown()).toEqual(long)
    expect(await visitor.shown()).toEqual([])
  })

  test('holds what the cookie has no room for, and is emptied with it', async () => {
    const visitor = new Visitor(messagesSite())
    const { scope } = await visitor.visit(addAll)
    const rest = JSON.parse(scope.state.get('_messages') as string) as unknown[][]
    expect(rest.map((row) => row[3])).toEqual(long.slice(2))
    expect(await visitor.shown()).toEqual(long)
    const next = await visitor.visit((request) => getSession(request))
    expect(next.scope.state.has('_messages')).toBe(false)
    expect(visitor.cookies.get('messages')).toBeUndefined()
  })

  test('takes a message that is too long for any cookie, which then only points to it', async () => {
    const visitor = new Visitor(messagesSite())
    const text = randomString(2500, LETTERS)
    await visitor.visit((request) => messages.info(request, text))
    expect(visitor.cookies.get('messages')?.length).toBeLessThan(150)
    expect(await visitor.shown()).toEqual([text])
    expect(visitor.cookies.get('messages')).toBeUndefined()
  })

  test('gives messages back to the cookie when there is room again', async () => {
    const visitor = new Visitor(messagesSite())
    await visitor.visit(addAll)
    const { scope } = await visitor.visit((request) => {
      expect([...getMessages(request)]).toHaveLength(5)
      messages.info(request, 'short')
    })
    expect(scope.state.has('_messages')).toBe(false)
    expect(await visitor.shown()).toEqual(['short'])
  })

  test.each(['no JSON', '{}', '[1, ["__json_message", 0], null, [["x"]], ["__json_message", 0, "20", "x"]]', 7])(
    'that holds %j under the key of messages has none, and loses it when they are read',
    async (value) => {
      const engine = memoryEngine({ clock })
      const key = 'k'.repeat(32)
      const cells = new Map([
        ['name', '"john_doe"'],
        ['_messages', JSON.stringify(value)],
      ])
      engine.create(key, { cells, expires: clock() + 60_000 })
      const visitor = new Visitor(messagesSite({ messageStorage: 'session' }, engine))
      visitor.cookies.set('sessionid', key)
      expect(await visitor.shown()).toEqual([])
      expect(await engine.load(key)).toMatchObject({ cells: new Map([['name', '"john_doe"']]) })
    },
  )
})

describe('on an engine over the network whose session is not loaded', () => {
  test('messages in the cookie are added and read without the store', async () => {
    const engine = asynchronous()
    engine.load = () => Promise.reject(new Error('was asked'))
    const visitor = new Visitor(messagesSite({ sessionPrefetch: false }, engine))
    visitor.cookies.set('sessionid', 'k'.repeat(32))
    await visitor.visit((request) => messages.info(request, 'x'))
    expect(await visitor.shown()).toEqual(['x'])
  })

  test.each(['session', 'fallback'] as const)(
    'messages of the %s are added and read, if it is awaited first',
    async (messageStorage) => {
      const visitor = new Visitor(messagesSite({ sessionPrefetch: false, messageStorage }, asynchronous()))
      await visitor.visit(addAll)
      await visitor.visit((request) => messages.info(request, 'one more'))
      await visitor.visit((request) => {
        expect(() => getMessages(request).length).toThrow(SessionNotLoaded)
        expect(() => [...getMessages(request)]).toThrow(SessionNotLoaded)
      })
      const { result } = await visitor.visit(async (request) => {
        await getSession(request)
        return [...getMessages(request)].map(String)
      })
      expect(result).toEqual([...long, 'one more'])
    },
  )

  test('what finds no room in the cookie joins what the session holds', async () => {
    const visitor = new Visitor(messagesSite({ sessionPrefetch: false }, asynchronous()))
    await visitor.visit(async (request) => {
      const session = await getSession(request)
      session.set('name', 'john_doe')
    })
    await visitor.visit(addAll)
    const { result } = await visitor.visit(async (request) => {
      const session = await getSession(request)
      return [session.get('name'), ...[...getMessages(request)].map(String)]
    })
    expect(result).toEqual(['john_doe', ...long])
  })

  test('a store that fails is an error where a message needs it, and none where the cookie will do', async () => {
    const engine = asynchronous()
    engine.create = () => Promise.reject(new Error('down'))
    const visitor = new Visitor(messagesSite({}, engine))
    await expect(visitor.visit(addAll)).rejects.toThrow(StoreUnavailable)
    await visitor.visit((request) => messages.info(request, 'x'))
    expect(await visitor.shown()).toEqual(['x'])
  })
})
