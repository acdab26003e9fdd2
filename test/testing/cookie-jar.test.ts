import { CookieJar, testClock } from 'sojourn/testing'
import { expect, test } from 'vitest'

test('a cookie goes back to the paths it was set for, and the longer path first', () => {
  const jar = new CookieJar()
  jar.take('a=root; Path=/')
  jar.take('a=shop; Path=/shop')
  jar.take('b=cart; Path=/shop/cart')
  expect(jar.header('/')).toBe('a=root')
  expect(jar.header('/shop')).toBe('a=shop; a=root')
  expect(jar.header('/shop/cart/1')).toBe('b=cart; a=shop; a=root')
  expect(jar.header('/shopping')).toBe('a=root')
})

test('without a path it is for the folder it came from', () => {
  const jar = new CookieJar()
  jar.take('a=1', '/shop/cart')
  expect(jar.header('/shop/other')).toBe('a=1')
  expect(jar.header('/')).toBe('')
})

test('a new one takes the place of the old; values keep their equals signs', () => {
  const jar = new CookieJar()
  jar.take('a=1; Path=/; HttpOnly')
  jar.take('a=x=y==; Path=/; SameSite=Lax')
  expect(jar.header()).toBe('a=x=y==')
  expect(jar.get('a')).toBe('x=y==')
})

test('Max-Age=0 and an Expires in the past delete, at the same path only', () => {
  const jar = new CookieJar()
  for (const ending of ['Max-Age=0', 'expires=Thu, 01 Jan 1970 00:00:00 GMT', 'Max-Age=-1']) {
    jar.take('a=1; Path=/')
    jar.take(`a=; Path=/shop; ${ending}`)
    expect(jar.get('a')).toBe('1')
    jar.take(`a=; Path=/; ${ending}`)
    expect(jar.get('a')).toBeUndefined()
  }
})

test('a cookie ends when its clock says so, and Max-Age wins over Expires', () => {
  const clock = testClock()
  const jar = new CookieJar(clock)
  jar.take('a=1; Path=/; Max-Age=60; Expires=Thu, 01 Jan 1970 00:00:00 GMT')
  clock.turn(59)
  expect(jar.get('a')).toBe('1')
  clock.turn(1)
  expect(jar.get('a')).toBeUndefined()
})

test('a cookie put in by hand is for the whole host, and is taken out again', () => {
  const jar = new CookieJar()
  jar.set('a', '1')
  expect(jar.header('/any/where')).toBe('a=1')
  jar.delete('a')
  expect(jar.header('/any/where')).toBe('')
})
