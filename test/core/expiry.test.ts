import { describe, expect, test } from 'vitest'
import { stateOf } from '../../src/core/dictionary.js'
import { EXPIRY_KEY, expiryAge, expiryMoment, storedExpiry } from '../../src/core/expiry.js'
import { SessionValueError } from '../../src/errors.js'
import { testClock } from '../../src/testing/clock.js'
import { bareSite, sqliteEngine } from '../support/sites.js'

const START = '2026-01-01T00:00:00Z'
const RULES = {
  sessionCookieAge: 1000,
  sessionExpireAtBrowserClose: false,
  sessionAbsoluteAge: null,
  useTz: true,
  timeZone: 'UTC',
}

describe('the age of what is stored', () => {
  const now = Date.parse(START)
  test.each([
    ['nothing', undefined, 1000],
    ['0', '0', 1000],
    ['seconds', '60', 60],
    ['negative seconds', '-5', -5],
    ['a moment', '"2026-01-01T00:01:00+00:00"', 60],
    ['a moment in another zone', '"2026-01-01T01:01:00+01:00"', 60],
    ['a moment one microsecond past', '"2025-12-31T23:59:59.999999+00:00"', -1],
    ['a moment a fraction ahead', '"2026-01-01T00:00:00.999999+00:00"', 0],
    ['neither number nor text', '[1]', 1000],
    ['broken text', '"soon"', 1000],
  ])('%s', (_name, text, age) => {
    expect(expiryAge(storedExpiry(text), RULES, now)).toBe(age)
  })

  test('a moment is itself, however late one asks', () => {
    expect(expiryMoment('2026-01-01T00:01:00+00:00', RULES, now + 1e9)).toBe(now + 60_000)
  })
})

describe('setExpiry', () => {
  const clock = testClock(START)
  const site = bareSite({ clock })
  test.each([
    ['seconds', 60, 60, false],
    ['0', 0, 1_209_600, true],
    ['a Date', new Date('2026-01-01T00:02:00Z'), 120, false],
    ['ISO text', '2026-01-01T00:03:00+00:00', 180, false],
    ['null', null, 1_209_600, false],
  ])('%s', (_name, value, age, closes) => {
    const session = site.sessions.open()
    session.setExpiry(value)
    expect(session.getExpiryAge()).toBe(age)
    expect(session.getExpiryDate().getTime()).toBe(clock() + age * 1000)
    expect(session.getExpireAtBrowserClose()).toBe(closes)
  })

  test('a Date is kept as Python writes it', () => {
    const session = site.sessions.open()
    session.setExpiry(new Date('2031-05-06T07:08:09.120Z'))
    expect(session.get(EXPIRY_KEY)).toBe('2031-05-06T07:08:09.120000+00:00')
    session.setExpiry(new Date('2031-05-06T07:08:09Z'))
    expect(session.get(EXPIRY_KEY)).toBe('2031-05-06T07:08:09+00:00')
  })

  test.each([1.5, Number.NaN, Number.POSITIVE_INFINITY, 'soon', new Date(Number.NaN)])('%s is refused', (value) => {
    expect(() => site.sessions.open().setExpiry(value)).toThrow(SessionValueError)
  })

  test('seconds slide with each save, a moment does not', async () => {
    const turning = testClock(START)
    const sliding = bareSite({ clock: turning })
    for (const [value, lives] of [
      [100, true],
      [new Date('2026-01-01T00:01:40Z'), false],
    ] as const) {
      turning.show(START)
      const session = sliding.sessions.open()
      session.setExpiry(value)
      await session.save()
      turning.turn(60)
      session['a'] = 1
      await session.save()
      turning.turn(60)
      const again = sliding.sessions.open(session.sessionKey)
      expect(again.has('a')).toBe(lives)
    }
  })
})

describe('sessionAbsoluteAge', () => {
  const LIMIT = 3600
  test.each(['memory', 'db'] as const)(
    '%s: a busy session lives until the limit, and not a second longer',
    async (name) => {
      const clock = testClock(START)
      const engine = name === 'db' ? sqliteEngine({ clock }).engine : undefined
      const site = bareSite({ clock, sessionAbsoluteAge: LIMIT, sessionCookieAge: 600, engine })
      const first = site.sessions.open()
      first['visits'] = 0
      await first.save()
      const end = clock() + LIMIT * 1000
      for (let second = 300; second < LIMIT; second += 300) {
        clock.turn(300)
        const session = site.sessions.open(first.sessionKey)
        session['visits'] = Number(session['visits']) + 1
        await session.save()
        const loaded = await site.engine.load(first.sessionKey as string)
        expect(loaded?.expires?.()).toBe(Math.min(end, clock() + 600_000))
        expect(Date.parse(JSON.parse(loaded?.cells.get(EXPIRY_KEY) ?? '""'))).toBeLessThanOrEqual(end)
        expect(session.getExpiryAge()).toBeLessThanOrEqual((end - clock()) / 1000)
      }
      clock.turn(299)
      expect(site.sessions.open(first.sessionKey)['visits']).toBe(11)
      clock.turn(1)
      expect(site.sessions.open(first.sessionKey)['visits']).toBeUndefined()
    },
  )

  test.each([10 ** 6, new Date('2030-01-01T00:00:00Z'), 0])(
    'an expiry of its own, %s, does not pass the limit',
    async (value) => {
      const clock = testClock(START)
      const site = bareSite({ clock, sessionAbsoluteAge: LIMIT })
      const session = site.sessions.open()
      session.setExpiry(value)
      await session.save()
      clock.turn(1)
      session['a'] = 1
      await session.save()
      const loaded = await site.engine.load(session.sessionKey as string)
      expect(loaded?.expires?.()).toBe(Date.parse(START) + LIMIT * 1000)
      // What a Django beside goes by; 0 must go on to say "when the browser closes".
      const stored: unknown = JSON.parse(loaded?.cells.get(EXPIRY_KEY) ?? 'null')
      expect(value === 0 ? stored : Date.parse(String(stored))).toBe(value === 0 ? 0 : Date.parse(START) + LIMIT * 1000)
      clock.turn(LIMIT)
      expect(site.sessions.open(session.sessionKey).has('a')).toBe(false)
    },
  )

  test('cycleKey begins no new life', async () => {
    const clock = testClock(START)
    const site = bareSite({ clock, sessionAbsoluteAge: LIMIT })
    const session = site.sessions.open()
    session['a'] = 1
    await session.save()
    clock.turn(LIMIT - 1)
    await session.cycleKey()
    expect(site.sessions.open(session.sessionKey)['a']).toBe(1)
    clock.turn(1)
    expect(site.sessions.open(session.sessionKey)['a']).toBeUndefined()
  })
})

describe('an end of its own', () => {
  const clock = testClock(START)
  const end = Date.parse(START) / 1000 + 600

  test.each([
    ['alone', null, 600],
    ['before that of the setting', 3600, 600],
    ['behind that of the setting', 300, 300],
  ])('%s', async (_, sessionAbsoluteAge, age) => {
    const site = bareSite({ clock, sessionAbsoluteAge })
    const session = site.sessions.open()
    stateOf(session).endAt(end)
    await session.save()
    expect(session.getExpiryAge()).toBe(age)
    const loaded = await site.engine.load(session.sessionKey as string)
    expect(loaded?.expires?.()).toBe(Date.parse(START) + age * 1000)
    expect(JSON.parse(loaded?.cells.get(EXPIRY_KEY) ?? 'null')).toContain(age === 600 ? '00:10:00' : '00:05:00')
  })

  test.each([0, 86_400, null])('is not put off by setExpiry(%j)', async (value) => {
    const site = bareSite({ clock })
    const session = site.sessions.open()
    stateOf(session).endAt(end)
    await session.save()
    session.setExpiry(value)
    await session.save()
    const loaded = await site.engine.load(session.sessionKey as string)
    expect(loaded?.expires?.()).toBe(end * 1000)
    expect(session.getExpireAtBrowserClose()).toBe(value === 0)
  })

  test('a shorter one of its owner’s counts, and stays when the end is moved', async () => {
    const site = bareSite({ clock })
    const session = site.sessions.open()
    session.setExpiry(60)
    stateOf(session).endAt(end)
    stateOf(session).endAt(end + 600)
    await session.save()
    expect(session.getExpiryAge()).toBe(60)
  })
})
