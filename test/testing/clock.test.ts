import { sojourn } from 'sojourn'
import { testClock } from 'sojourn/testing'
import { expect, test } from 'vitest'

test('a test clock stands still until it is turned', () => {
  const clock = testClock('2026-01-01T00:00:00Z')
  expect(clock()).toBe(Date.UTC(2026, 0, 1))
  clock.turn(90)
  expect(clock()).toBe(Date.UTC(2026, 0, 1, 0, 1, 30))
  clock.turn(-30)
  expect(clock()).toBe(Date.UTC(2026, 0, 1, 0, 1))
  clock.show(new Date(5000))
  expect(clock()).toBe(5000)
})

test('a moment that is no date is refused', () => {
  expect(() => testClock('soon')).toThrow(RangeError)
  expect(() => testClock().show('soon')).toThrow(RangeError)
})

test('a site takes it as its clock, and its sessions end by it', async () => {
  const clock = testClock()
  const site = sojourn({
    secretKey: 'a secret of the tests, of more than fifty characters in all',
    databases: { default: 'sqlite::memory:' },
    sessionEngine: 'memory',
    sessionCookieAge: 60,
    clock,
  })
  const session = site.sessions.open()
  session.set('user', 'Ann')
  await session.save()
  const again = async (): Promise<unknown> => {
    const found = site.sessions.open(session.sessionKey)
    await found.load()
    return found.get('user')
  }
  clock.turn(59)
  expect(await again()).toBe('Ann')
  clock.turn(1)
  expect(await again()).toBeUndefined()
  await site.close()
})
