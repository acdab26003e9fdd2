import { inspect } from 'node:util'
import { describe, expect, test } from 'vitest'
import { RESERVED_NAMES, stateOf } from '../../src/core/dictionary.js'
import type { Session } from '../../src/core/session-types.js'
import type { Site } from '../../src/core/site.js'
import type { Cells } from '../../src/core/types.js'
import { ImproperlyConfigured, ReservedName, SessionValueError } from '../../src/errors.js'
import { bareSite, SECRET } from '../support/sites.js'

const KEY = 'k'.repeat(32)
const FOREVER = 4e12

/** A session that is stored already, in the very text given. */
function stored(cells: Record<string, string>, site: Site = bareSite()): Session {
  site.engine.create(KEY, { cells: new Map(Object.entries(cells)), expires: FOREVER })
  return site.sessions.open(KEY)
}

function storedCells(site: Site, key: string): Cells {
  const loaded = site.engine.load(key) as { readonly cells: Cells }
  return loaded.cells
}

const flags = ({ accessed, modified }: Session): readonly boolean[] => [accessed, modified]

describe("each member marks what Django's marks", () => {
  const [NO, ACCESSED, MODIFIED] = [
    [false, false],
    [true, false],
    [true, true],
  ]
  const table: readonly [string, (session: Session) => unknown, unknown, readonly boolean[] | undefined][] = [
    ['s[k]', (s) => s['a'], 1, ACCESSED],
    ['s[k] of nothing', (s) => s['nothing'], undefined, ACCESSED],
    ['in', (s) => 'a' in s, true, ACCESSED],
    ['has', (s) => s.has('nothing'), false, ACCESSED],
    ['get', (s) => s.get('a'), 1, ACCESSED],
    ['get with a fallback', (s) => s.get('nothing', 'Guest'), 'Guest', ACCESSED],
    ['Object.keys', (s) => Object.keys(s), ['a', 'n'], ACCESSED],
    ['spread', (s) => ({ ...s }), { a: 1, n: [1] }, ACCESSED],
    [
      'iteration',
      (s) => [...s],
      [
        ['a', 1],
        ['n', [1]],
      ],
      ACCESSED,
    ],
    ['s[k] = v', (s) => (s['a'] = 2), 2, MODIFIED],
    ['set', (s) => s.set('a', 2), undefined, MODIFIED],
    ['delete of what is there', (s) => s.delete('a'), true, MODIFIED],
    ['delete of nothing', (s) => s.delete('nothing'), false, ACCESSED],
    ['the delete operator', (s) => delete s['a'], true, MODIFIED],
    ['the delete operator on nothing', (s) => delete s['nothing'], true, ACCESSED],
    ['pop of what is there', (s) => s.pop('a'), 1, MODIFIED],
    ['pop of nothing', (s) => s.pop('nothing', 0), 0, ACCESSED],
    ['setDefault of what is there', (s) => s.setDefault('a', 5), 1, ACCESSED],
    ['setDefault of nothing', (s) => s.setDefault('b', 5), 5, MODIFIED],
    ['update', (s) => s.update({ b: 1 }), undefined, MODIFIED],
    ['update with nothing', (s) => s.update({}), undefined, MODIFIED],
    ['clear', (s) => s.clear(), undefined, MODIFIED],
    ['flush', (s) => s.flush(), undefined, MODIFIED],
    ['cycleKey', (s) => s.cycleKey(), undefined, MODIFIED],
    ['isEmpty', (s) => s.isEmpty(), false, NO],
    ['sessionKey', (s) => s.sessionKey, KEY, NO],
    ['getSessionCookieAge', (s) => s.getSessionCookieAge(), 1_209_600, NO],
    ['setTestCookie', (s) => s.setTestCookie(), undefined, MODIFIED],
    ['testCookieWorked', (s) => s.testCookieWorked(), false, ACCESSED],
    ['deleteTestCookie of nothing', (s) => s.deleteTestCookie(), undefined, ACCESSED],
    ['setExpiry', (s) => s.setExpiry(60), undefined, MODIFIED],
    ['setExpiry(null) where none was set', (s) => s.setExpiry(null), undefined, ACCESSED],
    ['getExpiryAge', (s) => s.getExpiryAge(), 1_209_600, ACCESSED],
    ['getExpiryAge of an expiry that is given', (s) => s.getExpiryAge({ expiry: 9 }), 9, NO],
    ['getExpireAtBrowserClose', (s) => s.getExpireAtBrowserClose(), false, ACCESSED],
  ]
  test.each(table)('%s', (_name, run, answer, marks) => {
    const session = stored({ a: '1', n: '[1]' })
    expect(run(session)).toEqual(answer)
    expect(flags(session)).toEqual(marks)
  })

  test('opening a session touches no store', () => {
    const session = bareSite().sessions.open('x'.repeat(32))
    expect(flags(session)).toEqual([false, false])
    expect(session.sessionKey).toBe('x'.repeat(32))
    expect(session.isEmpty()).toBe(false)
  })

  test('setExpiry(null) takes away what was set', () => {
    const session = stored({ _session_expiry: '60' })
    expect(session.getExpiryAge()).toBe(60)
    session.setExpiry(null)
    expect(flags(session)).toEqual([true, true])
    expect(session.has('_session_expiry')).toBe(false)
  })

  test('the test cookie goes to and fro', () => {
    const session = bareSite().sessions.open()
    session.setTestCookie()
    expect(session['testcookie']).toBe('worked')
    expect(session.testCookieWorked()).toBe(true)
    session.deleteTestCookie()
    expect(session.testCookieWorked()).toBe(false)
  })
})

describe('keys', () => {
  test('an unknown key is dropped, never adopted', async () => {
    const site = bareSite()
    const session = site.sessions.open(KEY)
    session['a'] = 1
    expect(session.sessionKey).toBeNull()
    await session.save()
    expect(session.sessionKey).toMatch(/^[a-z0-9]{32}$/)
    expect(session.sessionKey).not.toBe(KEY)
  })

  test('a key shorter than eight characters is none', () => {
    expect(bareSite().sessions.open('1234567').sessionKey).toBeNull()
    expect(bareSite().sessions.open('12345678').sessionKey).toBe('12345678')
  })

  test.each(['../../etc/passwd', 'a'.repeat(129), 'with blank x', 'null\u0000byte'])(
    '%j never reaches the store',
    (key) => {
      const site = bareSite()
      const asked: string[] = []
      const { load } = site.engine
      site.engine.load = (given) => {
        asked.push(given)
        return load.call(site.engine, given)
      }
      expect(site.sessions.open(key)['a']).toBeUndefined()
      expect(asked).toEqual([])
    },
  )

  test('names of Object.prototype are data like any other, and absent until they are set', async () => {
    const site = bareSite()
    const session = site.sessions.open()
    for (const name of ['__proto__', 'constructor', 'toString', 'hasOwnProperty']) {
      expect(session.get(name)).toBeUndefined()
      expect(name in session).toBe(false)
      session.set(name, { isAdmin: true })
    }
    await session.save()
    const again = site.sessions.open(session.sessionKey)
    expect(again.get('__proto__')).toEqual({ isAdmin: true })
    expect(Object.keys(again)).toContain('__proto__')
    expect(({} as { isAdmin?: boolean }).isAdmin).toBeUndefined()
    expect(Object.getPrototypeOf(again)).toBeNull()
  })

  test('a key that is set again stays where it was; deleted and set, it moves to the end', () => {
    const session = stored({ a: '1', b: '2', c: '3' })
    session['a'] = 9
    expect(Object.keys(session)).toEqual(['a', 'b', 'c'])
    session.delete('a')
    session['a'] = 1
    session['d'] = 4
    expect(Object.keys(session)).toEqual(['b', 'c', 'a', 'd'])
    session.delete('d')
    session.delete('a')
    session['d'] = 5
    session['a'] = 5
    expect(Object.keys(session)).toEqual(['b', 'c', 'd', 'a'])
  })

  test('the order of the keys is the order in the store', async () => {
    const site = bareSite()
    const session = stored({ a: '1', b: '2', c: '3' }, site)
    session.delete('a')
    session['d'] = 4
    session['a'] = 1
    await session.save()
    expect([...storedCells(site, KEY).keys()]).toEqual(['b', 'c', 'd', 'a'])
    expect(Object.keys(session)).toEqual(['b', 'c', 'd', 'a'])
  })

  test('keys that look like numbers keep their place among the others', () => {
    const session = stored({ b: '1', 7: '2' })
    session['3'] = 1
    expect([...session].map(([key]) => key)).toEqual(Object.keys(session))
    expect(session.has('7')).toBe(true)
  })
})

describe('names of the session itself', () => {
  test.each(RESERVED_NAMES.filter((name) => name !== 'modified'))('%s cannot be assigned', (name) => {
    const session = bareSite().sessions.open() as unknown as Record<string, unknown>
    expect(() => {
      session[name] = 'x'
    }).toThrow(ReservedName)
  })

  test('a callback given to save, as express-session takes one, is refused at once with what to do instead', () => {
    const session = stored({ a: '1' }) as unknown as Record<string, (callback: () => void) => unknown>
    expect(() => session.save?.(() => undefined)).toThrow(ImproperlyConfigured)
    expect(() => session.save?.(() => undefined)).toThrow('await session.save()')
  })

  test.each(['regenerate', 'destroy', 'reload', 'touch', 'cookie', 'id'])(
    'the name %s of express-session is one of data, and absent until it is set',
    (name) => {
      const session = stored({ a: '1' })
      expect([session[name], name in session]).toEqual([undefined, false])
      session[name] = 1
      expect(session[name]).toBe(1)
    },
  )

  test('data under such a name are reached by get and set', () => {
    const session = bareSite().sessions.open()
    session.set('update', 'now')
    expect(session.get('update')).toBe('now')
    expect(typeof session.update).toBe('function')
    expect(Object.keys(session)).toEqual(['update'])
  })

  test.each(['_auth_user_id', '_auth_user_backend', '_auth_user_hash', '_csrftoken', '_messages', '_session_expiry'])(
    'session puzzling: %s cannot be set from outside, and may be read',
    (name) => {
      const session = stored({ [name]: '"kept"' })
      expect(() => session.set(name, '1')).toThrow(ReservedName)
      expect(() => session.update({ [name]: '1' })).toThrow(ReservedName)
      expect(() => Object.assign(session, { [name]: '1' })).toThrow(ReservedName)
      expect(() => session.setDefault('other', 1) && session.setDefault(`${name}2`, 1)).not.toThrow()
      expect(session.get(name)).toBe('kept')
    },
  )
})

describe('values', () => {
  test('what nobody touched goes back as the very text that came', async () => {
    const site = bareSite()
    const python = { price: '1.0', big: '1152921504606846977', list: '[1.0, 2,  "\\u00e9"]', text: '"\\u00fc"' }
    const session = stored(python, site)
    // Reading is not touching, even where the value is nested.
    expect(session['list']).toEqual([1, 2, 'é'])
    expect(session['price']).toBe(1)
    session['mine'] = 1
    await session.save()
    expect(Object.fromEntries(storedCells(site, KEY))).toEqual({ ...python, mine: '1' })
  })

  test('the rest of a nested value keeps its text when one member changes', async () => {
    const site = bareSite()
    const session = stored({ cart: '{"price": 1.0, "count": 1}' }, site)
    ;(session['cart'] as { count: number }).count = 2
    await session.save()
    expect(storedCells(site, KEY).get('cart')).toMatch(/"price": ?1\.0/)
    expect(session['cart']).toEqual({ price: 1, count: 2 })
  })

  test.each([
    ['undefined', undefined],
    ['a function', () => 1],
    ['a symbol', Symbol('x')],
    ['a Map', new Map()],
    ['a Set', new Set()],
    ['a function inside', { n: [() => 1] }],
  ])('%s is refused, and the message does not show it', async (_name, value) => {
    const session = bareSite().sessions.open()
    const attempt = async (): Promise<void> => {
      session.set('x', value)
      await session.save()
    }
    await expect(attempt()).rejects.toThrow(SessionValueError)
  })

  test('an error says to use delete where that is what was meant, and nowhere else', () => {
    const session = bareSite().sessions.open()
    expect(() => session.set('x', undefined)).toThrow(
      /^A session cannot keep undefined: .* Use delete to remove a key\.$/,
    )
    expect(() => session.set('x', () => 1)).toThrow(
      /^A session cannot keep a function: .* must be what JSON can hold\.$/,
    )
  })

  test('a value that goes round in a circle is refused', async () => {
    const circle: Record<string, unknown> = {}
    circle['self'] = circle
    const session = bareSite().sessions.open()
    session.set('x', circle)
    await expect(session.save()).rejects.toThrow(SessionValueError)
  })

  test('the same nested object is handed out each time', () => {
    const session = stored({ cart: '[1]' })
    expect(session['cart']).toBe(session['cart'])
  })

  test('a change inside a nested value is noticed', () => {
    const session = stored({ cart: '[1]' })
    ;(session['cart'] as number[]).push(2)
    expect(session.modified).toBe(false)
    stateOf(session).noticeNested()
    expect(session.modified).toBe(true)
  })

  test('with sessionDetectNested false only an assignment counts', () => {
    const session = stored({ cart: '[1]' }, bareSite({ sessionDetectNested: false }))
    ;(session['cart'] as number[]).push(2)
    stateOf(session).noticeNested()
    expect(session.modified).toBe(false)
  })

  test('with sessionDetectNested false `modified = true` saves nested changes, as in Django', async () => {
    const site = bareSite({ sessionDetectNested: false })
    const session = stored({ cart: '[1]' }, site)
    ;(session['cart'] as number[]).push(2)
    session.modified = true
    await session.save()
    expect(storedCells(site, KEY).get('cart')).toBe('[1,2]')
  })

  test('a nested value that was read and then replaced by a number does not come back with the save', async () => {
    const site = bareSite()
    const session = stored({ cart: '[1]' }, site)
    const cart = session['cart'] as number[]
    session['cart'] = 5
    await session.save()
    expect(session['cart']).toBe(5)
    cart.push(2)
    stateOf(session).noticeNested()
    await session.save()
    expect(site.sessions.open(KEY)['cart']).toBe(5)
  })

  test('a nested value that was replaced by another is no longer watched, and the other is', async () => {
    const site = bareSite()
    const session = stored({ cart: '[1]' }, site)
    const old = session['cart'] as number[]
    const cart = [7]
    session['cart'] = cart
    await session.save()
    old.push(2)
    cart.push(8)
    await session.save()
    expect(site.sessions.open(KEY)['cart']).toEqual([7, 8])
  })

  test.each([
    ['delete', (s: Session) => s.delete('cart')],
    ['pop', (s: Session) => s.pop('cart')],
    ['clear', (s: Session) => s.clear()],
  ])('a nested value that was read does not come back after %s', async (_name, remove) => {
    const site = bareSite()
    const session = stored({ cart: '[1]' }, site)
    const cart = session['cart'] as number[]
    remove(session)
    await session.save()
    cart.push(2)
    await session.save()
    expect(session.has('cart')).toBe(false)
    expect(storedCells(site, KEY).size).toBe(0)
  })
})

describe('what a log may print', () => {
  test('util.inspect, JSON and string forms show data and never the key', () => {
    const session = stored({ a: '1' })
    expect(inspect(session)).toBe('[Session: not loaded]')
    expect(session['a']).toBe(1)
    expect(JSON.stringify(session)).toBe('{"a":1}')
    const shown = [inspect(session, { depth: 9, showHidden: true }), inspect({ session }), JSON.stringify({ session })]
    for (const text of shown) {
      expect(text).toContain('a')
      expect(text).not.toContain(KEY)
      expect(text).not.toContain(SECRET)
    }
    const raw = inspect({ session }, { customInspect: false, showProxy: true, showHidden: true, depth: 99 })
    for (const secret of [KEY, SECRET]) expect(raw).not.toContain(secret)
    expect(Object.prototype.toString.call(session)).toBe('[object Session]')
  })

  test('nobody can change what a session is', () => {
    const session = bareSite().sessions.open()
    expect(Reflect.setPrototypeOf(session, {})).toBe(false)
    expect(Reflect.preventExtensions(session)).toBe(false)
    expect(Reflect.set(session, Symbol('x'), 1)).toBe(false)
    expect(Reflect.defineProperty(session, 'x', { get: () => 1 })).toBe(false)
  })
})
