import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import type { BrowserContext, Page } from 'playwright-core'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { launchProfile } from '../support/chromium.js'
import { type Name, type World, world } from './world.js'

const HOSTS = { hub: 'id.hub.test', shop: 'shop.alpha.test', news: 'news.beta.test' } as const
const ALL: readonly Name[] = ['hub', 'shop', 'news']

describe.each([
  ['blocked', false],
  ['allowed', true],
])('in Chromium with third-party cookies %s', (_, thirdPartyCookies) => {
  let folder: string
  let there: World
  let context: BrowserContext
  let page: Page

  beforeAll(async () => {
    folder = mkdtempSync(join(tmpdir(), 'sojourn-sites-'))
    there = await world({ settings: { databases: { default: `sqlite:${join(folder, 'db.sqlite3')}` } }, hosts: HOSTS })
    const launched = await launchProfile(join(folder, 'profile'), thirdPartyCookies)
    if ('missing' in launched) throw new Error(launched.missing)
    context = launched.context
    page = await context.newPage()
  }, 600_000)
  afterAll(async () => {
    await context?.close()
    await there?.[Symbol.asyncDispose]()
    rmSync(folder, { recursive: true, force: true })
  })

  const at = (name: Name, path = '/page'): string => there.originOf(name) + path
  const who = async (name: Name): Promise<string> => {
    await page.goto(at(name))
    return page.locator('#who').innerText()
  }
  const logIn = async (): Promise<void> => {
    await page.goto(at('shop'))
    await page.click('#login')
    expect(new URL(page.url()).host).toBe(new URL(there.originOf('hub')).host)
    await page.click('button')
    await page.waitForURL(at('shop'))
  }

  test('the browser is as it is meant to be', async () => {
    await context.clearCookies()
    await page.goto(at('news', '/third-party/set'))
    await page.goto(at('shop', '/third-party/frame'))
    const framed = page.frameLocator('iframe').locator('body')
    await expect.poll(() => framed.innerText()).toBe(thirdPartyCookies ? 'third=party' : 'none')
  })

  test('one login is one on the next site, without a page in between, and one logout is one everywhere', async () => {
    await context.clearCookies()
    expect(await who('shop')).toBe('nobody')
    await logIn()
    expect(await page.locator('#who').innerText()).toBe('ann')
    await page.goto(at('news', '/page?silent=1'))
    expect([page.url(), await page.locator('#who').innerText()]).toEqual([at('news', '/page?silent=1'), 'ann'])
    await page.click('#logout')
    for (const name of ALL) expect(await who(name)).toBe('nobody')
  })

  test('a stranger is asked about once, sees the page, and is in no circle', async () => {
    await context.clearCookies()
    const urls: string[] = []
    const note = (request: { url(): string; isNavigationRequest(): boolean }): void => {
      if (request.isNavigationRequest()) urls.push(request.url())
    }
    page.on('request', note)
    await page.goto(at('news', '/page?silent=1'))
    expect([page.url(), await page.locator('#who').innerText()]).toEqual([at('news', '/page?silent=1'), 'nobody'])
    await page.goto(at('news', '/page?silent=1'))
    page.off('request', note)
    expect(urls).toHaveLength(5)
  })

  test('two tabs that log in at once both arrive at their own page', async () => {
    await context.clearCookies()
    await logIn()
    const other = await context.newPage()
    await Promise.all([
      page.goto(at('news', '/sso/begin?next=/page%3Fa')),
      other.goto(at('news', '/sso/begin?next=/page%3Fb')),
    ])
    expect([page.url(), other.url()]).toEqual([at('news', '/page?a'), at('news', '/page?b')])
    expect(await other.locator('#who').innerText()).toBe('ann')
    await other.close()
  })

  test('an address that an attacker has begun logs no victim in, and one that was used logs nobody in', async () => {
    await context.clearCookies()
    await logIn()
    const callbacks: string[] = []
    const devtools = await context.newCDPSession(page)
    devtools.on('Fetch.requestPaused', ({ requestId, request }) => {
      callbacks.push(request.url)
      void devtools.send('Fetch.failRequest', { requestId, errorReason: 'Aborted' })
    })
    await devtools.send('Fetch.enable', { patterns: [{ urlPattern: '*/sso/callback?*' }] })
    await page.goto(at('news', '/sso/begin?next=/page')).catch(() => undefined)
    await devtools.detach()
    expect(callbacks).toHaveLength(1)
    const attackers = await context.cookies()
    await context.clearCookies()
    const answer = await page.goto(callbacks[0] as string)
    expect(answer?.status()).toBe(400)
    expect(await who('news')).toBe('nobody')
    // The attacker has the cookies, and comes too late.
    await context.addCookies(attackers)
    expect((await page.goto(callbacks[0] as string))?.status()).toBe(400)
  })

  test('no step of a login shows in a frame', async () => {
    await context.clearCookies()
    await logIn()
    for (const path of ['/sso/begin', '/sso/callback', '/sso/nothing']) {
      await page.goto(at('shop', `/framing?of=${encodeURIComponent(at('news', path))}`))
      const frame = page.frames()[1]
      await expect.poll(() => frame?.url()).not.toBe('about:blank')
      const text = await frame?.locator('body').innerText()
      if (path === '/sso/nothing') expect(text).toContain('nobody')
      else {
        expect(text ?? '').not.toMatch(/login|ann|nobody/)
        expect(there.on('news').events.at(-1)).toMatchObject({ step: 'reject', reason: 'frame' })
      }
    }
  })

  test('whatever next says, a login ends on the site itself', async () => {
    await context.clearCookies()
    await logIn()
    for (const next of [
      '//evil.test',
      '/\\evil.test',
      '/\t/evil.test',
      'https:evil.test',
      '%2f%2fevil.test',
      '///evil.test',
    ]) {
      await page.goto(at('news', `/sso/begin?next=${encodeURIComponent(next)}`))
      expect(new URL(page.url()).origin).toBe(there.originOf('news'))
    }
  })
})
