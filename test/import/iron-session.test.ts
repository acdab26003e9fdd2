import { getIronSession, sealData, unsealData } from 'iron-session'
import { describe, expect, test } from 'vitest'
import { getSession, sojourn } from '../../src/adapters/fetch.js'
import type { SettingsInput } from '../../src/core/settings.js'
import { importSession } from '../../src/import/index.js'
import { testClock } from '../../src/testing/index.js'
import { SECRET } from '../support/sites.js'

interface Old {
  username?: string
}

const password = {
  1: 'an older password, of thirty-two characters',
  2: 'the newest one, also of thirty-two characters',
}
// Longer than a session of ours.
const ttl = 30 * 86_400

/** A cookie as iron-session itself sets it. */
async function oldCookie(data: Old, passwords: Record<string, string> = password): Promise<string> {
  const response = new Response()
  const session = await getIronSession<Old>(new Request('https://shop.example/'), response, {
    password: passwords,
    cookieName: 'shop',
    ttl,
  })
  Object.assign(session, data)
  await session.save()
  return response.headers.getSetCookie()[0]?.split(';')[0] as string
}

/** The guide's few lines, on an engine of the memory. */
function newSite(strict = true) {
  const clock = testClock(Date.now())
  const importOld = importSession<Old>({
    name: 'shop',
    ...(strict ? { idOf: (text) => (/^Fe26\.2\*[^~]+~2$/.test(text) ? text : null) } : {}),
    get: (seal) => unsealData<Old>(seal, { password, ttl }).catch(() => null),
    endOf: () => clock() + ttl * 1000,
  })
  const settings = { secretKey: SECRET, middleware: ['sessions'], sessionEngine: 'memory', clock }
  const withSession = sojourn(settings as SettingsInput)
  const handler = withSession(async (request) => {
    await importOld(request)
    const session = await getSession(request)
    const hit = new URL(request.url).searchParams.get('hit')
    if (hit !== null) session.set(hit, true)
    if (hit === 'end') await session.flush()
    return Response.json({ ...session })
  })
  return {
    clock,
    sessions: withSession.site.sessions,
    async ask(cookie: string, query = '') {
      const response = await handler(new Request(`https://shop.example/${query}`, { headers: { cookie } }))
      const cookies = response.headers.getSetCookie().map((line) => line.split(';')[0] as string)
      return { status: response.status, data: (await response.json()) as Record<string, unknown>, cookies }
    },
  }
}

describe('a visitor of iron-session', () => {
  test('stays logged in, with all of five requests at once, under one key', async () => {
    const site = newSite()
    const cookie = await oldCookie({ username: 'ann' })
    const answers = await Promise.all([0, 1, 2, 3, 4].map((n) => site.ask(cookie, `?hit=hit${n}`)))
    expect(answers.map(({ data }) => data.username)).toEqual(Array(5).fill('ann'))
    const [first] = answers
    expect(new Set(answers.map(({ cookies }) => cookies.join('; '))).size).toBe(1)
    expect(first?.cookies.map((line) => line.split('=')[0])).toEqual(['shop', 'sessionid'])
    const { data } = await site.ask(String(first?.cookies[1]))
    expect(data).toEqual({ username: 'ann', hit0: true, hit1: true, hit2: true, hit3: true, hit4: true })
  })

  test('stays logged in with a seal of an older password', async () => {
    const cookie = await oldCookie({ username: 'ann' }, { 1: password[1] })
    expect((await newSite().ask(cookie)).data).toEqual({ username: 'ann' })
  })

  test.each<[string, (seal: string) => string | Promise<string>]>([
    ['is changed in one place', (seal) => seal.replace(/\*(.)/, (_, letter) => `*${letter === 'x' ? 'y' : 'x'}`)],
    ['is cut off', (seal) => seal.slice(0, -10)],
    ['was sealed with another password', () => sealData({ username: 'ann' }, { password: 'x'.repeat(32), ttl })],
    ['holds nothing', () => sealData({}, { password, ttl })],
    ['has ended', () => sealData({ username: 'ann' }, { password, ttl: -3600 })],
    ['is no seal', () => 'ann'],
    ['only looks like one', () => 'Fe26.2*2*x*x*x*x*x*x~2'],
  ])('has nothing that is moved if the seal %s', async (_, change) => {
    const site = newSite()
    const cookie = await oldCookie({ username: 'ann' })
    const seal = await change(cookie.slice('shop='.length))
    expect(await site.ask(`shop=${seal}`)).toEqual({ status: 200, data: {}, cookies: [] })
    expect((await site.ask(cookie)).data).toEqual({ username: 'ann' })
  })

  const disguises: readonly (readonly [string, (seal: string) => string])[] = [
    ['as it was', (seal) => seal],
    ['with another way to write its version', (seal) => seal.replace(/~2$/, '~02')],
    ['with more behind its version', (seal) => `${seal}~x`],
  ]
  test.each(disguises)('whose session was moved has no second one for who stole the seal: %s', async (_, disguise) => {
    const site = newSite()
    const cookie = await oldCookie({ username: 'ann' })
    await site.ask(cookie)
    site.clock.turn(61)
    expect((await site.ask(`shop=${disguise(cookie.slice('shop='.length))}`)).data).toEqual({})
    // Remembered for as long as the seal could be opened.
    site.clock.turn(ttl - 120)
    await site.sessions.clearExpired()
    expect((await site.ask(`shop=${disguise(cookie.slice('shop='.length))}`)).data).toEqual({})
  })

  test('who logs out of a session that came after the seal has logged out of the seal, for as long as it could be opened', async () => {
    const site = newSite()
    const cookie = await oldCookie({ username: 'ann' })
    const [own] = (await site.ask('', '?hit=mine')).cookies
    await site.ask(`${own}; ${cookie}`, '?hit=end')
    site.clock.turn(ttl - 60)
    await site.sessions.clearExpired()
    expect((await site.ask(cookie)).data).toEqual({})
  })

  test('would have a second one by a disguise, were it not for the guide’s `idOf`', async () => {
    const site = newSite(false)
    const cookie = await oldCookie({ username: 'ann' })
    await site.ask(cookie)
    site.clock.turn(61)
    expect((await site.ask(`${cookie.slice(0, -1)}02`)).data).toEqual({ username: 'ann' })
  })
})
