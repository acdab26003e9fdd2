import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import type { Browser, BrowserContextOptions, Page } from 'playwright-core'
import { Client } from 'sojourn/testing'
import { afterAll, afterEach, beforeAll, describe, expect, type TestContext, test } from 'vitest'
import { demoUsers } from '../../examples/site/users.js'
import { launchChromium } from '../support/chromium.js'
import { type SiteProcess, startSite } from './site-process.js'

const PAGES = ['/', '/cart', '/checkout', '/preferences', '/session', '/devices', '/login', '/nowhere']
const [ada] = demoUsers as [(typeof demoUsers)[0]]

let launched: Awaited<ReturnType<typeof launchChromium>>
let folder: string
let site: SiteProcess
const opened: (() => unknown)[] = []

const start = (): Promise<SiteProcess> => startSite({ DATABASE_URL: `sqlite:${join(folder, 'db.sqlite3')}` })

beforeAll(async () => {
  folder = mkdtempSync(join(tmpdir(), 'sojourn-browser-'))
  ;[launched, site] = await Promise.all([launchChromium(), start()])
}, 600_000)

afterEach(async () => {
  for (const close of opened.splice(0)) await close()
})

afterAll(async () => {
  if ('browser' in launched) await launched.browser.close()
  await site.kill()
  rmSync(folder, { recursive: true, force: true })
})

/** A visitor of their own in the browser; where no browser may be installed, the test says so. */
async function visitor(context: TestContext, options: BrowserContextOptions = {}): Promise<Page> {
  if ('missing' in launched) return context.skip(launched.missing)
  return newVisitor(launched.browser, options)
}

async function newVisitor(browser: Browser, options: BrowserContextOptions): Promise<Page> {
  const own = await browser.newContext(options)
  opened.push(() => own.close())
  const page = await own.newPage()
  const go = page.goto.bind(page)
  // Always where the site is now: a restarted one has another port, and the same cookies.
  page.goto = (path, given) => go(site.origin + path, given)
  return page
}

const press = (page: Page, name: string | RegExp): Promise<void> => page.getByRole('button', { name }).click()
const greeting = (page: Page): Promise<string | null> => page.locator('#greeting').textContent()
const cookie = async (page: Page): Promise<string | undefined> =>
  (await page.context().cookies()).find(({ name }) => name === 'sessionid')?.value

async function fillCart(page: Page): Promise<void> {
  await page.goto('/')
  await press(page, 'Add Enamel mug to the cart')
  await press(page, 'Add Trail map to the cart')
}

async function logIn(page: Page): Promise<void> {
  await page.goto('/login')
  await page.getByLabel('User name').fill(ada.username)
  await page.getByLabel('Password').fill(ada.password)
  await page.getByRole('main').getByRole('button', { name: 'Log in' }).click()
}

async function prefer(page: Page, theme: string, language?: string): Promise<void> {
  await page.goto('/preferences')
  await page.getByLabel(theme).check()
  if (language !== undefined) await page.getByRole('combobox').selectOption(language)
  await page.getByRole('main').getByRole('button').click()
}

test('what a visitor did in the browser is all there after kill -9 and a new start; logout ends it', async (context) => {
  const page = await visitor(context)
  await page.goto('/')
  expect(await greeting(page)).toBe('Hello, Guest')
  expect(await cookie(page)).toBeUndefined()

  await fillCart(page)
  expect(await page.getByRole('status').textContent()).toContain('Trail map is in your cart.')
  await page.goto('/cart')
  await page.getByLabel('Quantity of Enamel mug').fill('3')
  await press(page, 'Update Enamel mug')
  await prefer(page, 'Dark', 'de')
  const anonymous = await cookie(page)
  await page.goto('/login')
  await page.getByLabel('Benutzername').fill(ada.username)
  await page.getByLabel('Passwort').fill(ada.password)
  await page.getByRole('main').getByRole('button', { name: 'Anmelden' }).click()
  const key = await cookie(page)
  expect(key).not.toBe(anonymous)

  await site.kill()
  site = await start()

  await page.goto('/')
  expect(await greeting(page)).toBe('Hallo, ada')
  expect(await page.locator('html').getAttribute('data-theme')).toBe('dark')
  await page.goto('/cart')
  expect(await page.getByLabel('Menge von Emaillebecher').inputValue()).toBe('3')
  expect(await page.getByLabel('Menge von Wanderkarte').inputValue()).toBe('1')
  expect(await cookie(page)).toBe(key)

  await press(page, 'Abmelden')
  expect(await greeting(page)).toBe('Hello, Guest')
  expect(await cookie(page)).toBeUndefined()
  const thief = new Client(site.origin)
  opened.push(() => thief.close())
  thief.cookies.set('sessionid', key as string)
  expect((await thief.get('/session.json')).json()).toMatchObject({ data: {} })
})

test('a user ends the session of another browser of theirs; it is anonymous, and this one goes on', async (context) => {
  const phone = await visitor(context, {
    userAgent:
      'Mozilla/5.0 (Linux; Android 14; Pixel 8) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/129.0.0.0 Mobile Safari/537.36',
  })
  const page = await visitor(context)
  await fillCart(phone)
  await logIn(phone)
  await logIn(page)

  await page.getByRole('link', { name: 'Devices' }).click()
  const there = page.locator('.device').filter({ hasText: 'Chrome · Android' })
  expect(await page.locator('.device[aria-current]').textContent()).toContain('Chrome · Linux')
  await there.getByRole('button', { name: 'End this one: Chrome · Android' }).click()
  expect(await page.getByRole('status').textContent()).toContain('That session is ended.')
  expect(await there.count()).toBe(0)

  await phone.goto('/')
  expect(await greeting(phone)).toBe('Hello, Guest')
  expect(await phone.getByRole('link', { name: 'Log in' }).count()).toBe(1)
  expect(await cookie(phone)).toBeUndefined()
  await page.goto('/')
  expect(await greeting(page)).toBe('Hello, ada')
})

test('the cookie is nothing that a script of the page can read', async (context) => {
  const page = await visitor(context)
  await fillCart(page)
  expect(await cookie(page)).toMatch(/^[a-z0-9]{32}$/)
  expect(await page.evaluate('document.cookie')).not.toContain('sessionid')
})

test('a form whose token was taken out is refused', async (context) => {
  const page = await visitor(context)
  await page.goto('/')
  await page.locator('form[action="/name"] [name=csrfmiddlewaretoken]').evaluate((field: { remove(): void }) => {
    field.remove()
  })
  await page.getByLabel('Your name').fill('Mallory')
  const [answer] = await Promise.all([page.waitForResponse(/\/name$/), press(page, 'Call me that')])
  expect(answer.status()).toBe(403)
})

test('the countdown counts down', async (context) => {
  const page = await visitor(context)
  await page.clock.install()
  await fillCart(page)
  await page.goto('/session')
  const left = async (): Promise<number> => {
    const [, days, hours, minutes, seconds] = (/^(\d+) d (\d\d):(\d\d):(\d\d)$/.exec(
      (await page.locator('#ends').textContent()) ?? '',
    ) ?? []) as string[]
    return ((Number(days) * 24 + Number(hours)) * 60 + Number(minutes)) * 60 + Number(seconds)
  }
  const before = await left()
  expect(before).toBeGreaterThan(1_209_500)
  await page.clock.runFor(3_600_000)
  expect(before - (await left())).toBeGreaterThanOrEqual(3600)
  expect(before - (await left())).toBeLessThan(3700)
})

test.for(['en', 'de', 'fr'])('on a phone no page scrolls sideways, in %s', async (language, context) => {
  const page = await visitor(context, { viewport: { width: 390, height: 844 } })
  await fillCart(page)
  await page.getByLabel('Your name').fill('A'.repeat(40))
  await press(page, 'Call me that')
  const wide: string[] = []
  const look = async (): Promise<void> => {
    for (const path of PAGES) {
      await page.goto(path)
      const width = Number(await page.evaluate('document.documentElement.scrollWidth'))
      if (width > 390) wide.push(`${path} is ${width} px wide`)
    }
  }
  await prefer(page, 'Light', language)
  await look()
  await page.goto('/login')
  await page.locator('#username').fill(ada.username)
  await page.locator('#password').fill(ada.password)
  await page.getByRole('main').getByRole('button').click()
  await look()
  expect(wide).toEqual([])
})

/** Finds every text of the page whose contrast to the colour behind it is below 4.5, WCAG 2.2's 1.4.3. */
const FAINT_TEXTS = `(() => {
  const canvas = document.createElement('canvas').getContext('2d', { willReadFrequently: true })
  const rgb = (color) => {
    canvas.clearRect(0, 0, 1, 1)
    canvas.fillStyle = color
    canvas.fillRect(0, 0, 1, 1)
    return [...canvas.getImageData(0, 0, 1, 1).data]
  }
  const luminance = ([r, g, b]) => {
    const [x, y, z] = [r, g, b].map((each) => each / 255).map((c) => (c <= 0.04045 ? c / 12.92 : ((c + 0.055) / 1.055) ** 2.4))
    return 0.2126 * x + 0.7152 * y + 0.0722 * z
  }
  const behind = (element) => {
    for (let at = element; at; at = at.parentElement) {
      const color = rgb(getComputedStyle(at).backgroundColor)
      if (color[3] === 255) return color
    }
    return [255, 255, 255]
  }
  const texts = [...document.querySelectorAll('body *')].filter((element) =>
    [...element.childNodes].some((node) => node.nodeType === 3 && node.data.trim() !== ''),
  )
  return texts.flatMap((element) => {
    const [one, two] = [rgb(getComputedStyle(element).color), behind(element)].map(luminance)
    const contrast = (Math.max(one, two) + 0.05) / (Math.min(one, two) + 0.05)
    return contrast < 4.5 ? [element.tagName + ' ' + element.textContent.trim() + ' ' + contrast.toFixed(2)] : []
  })
})()`

const ground = (page: Page): Promise<string> =>
  page.evaluate('getComputedStyle(document.documentElement).backgroundColor') as Promise<string>

describe.each(['light', 'dark'] as const)('on a device that is %s', (colorScheme) => {
  const other = colorScheme === 'light' ? 'Dark' : 'Light'

  test('the page is so too, until the session says otherwise', async (context) => {
    const page = await visitor(context, { colorScheme })
    await page.goto('/')
    const own = await ground(page)
    await prefer(page, other)
    expect(await ground(page)).not.toBe(own)
    await prefer(page, 'Like my device')
    expect(await ground(page)).toBe(own)
  })

  test('every text stands out from its ground', async (context) => {
    const page = await visitor(context, { colorScheme })
    const faint: unknown[] = []
    for (const path of ['/', '/login', '/session']) {
      await page.goto(path)
      faint.push(...((await page.evaluate(FAINT_TEXTS)) as unknown[]))
    }
    await fillCart(page)
    await logIn(page)
    for (const path of PAGES) {
      await page.goto(path)
      faint.push(...((await page.evaluate(FAINT_TEXTS)) as unknown[]))
    }
    expect(faint).toEqual([])
  })
})

test('every field has a label, every page one heading and a language', async (context) => {
  const page = await visitor(context)
  await fillCart(page)
  for (const path of PAGES) {
    await page.goto(path)
    const nameless = `[...document.querySelectorAll('input:not([type=hidden]), select')]
      .filter((field) => !field.labels.length && !field.ariaLabel).length`
    expect([path, await page.evaluate(nameless)]).toEqual([path, 0])
    expect([path, await page.locator('h1').count()]).toEqual([path, 1])
    expect(await page.locator('html').getAttribute('lang')).toBe('en')
  }
})

test('nothing comes from anywhere else, and the policy of the page is never broken', async (context) => {
  const page = await visitor(context)
  const asked = new Set<string>()
  const said: string[] = []
  page.on('request', (request) => asked.add(new URL(request.url()).origin))
  page.on('console', (message) => {
    // The page that is not there is reported by the browser itself.
    if (!message.text().includes('404')) said.push(message.text())
  })
  page.on('pageerror', (error) => said.push(error.message))
  await fillCart(page)
  for (const path of PAGES) await page.goto(path)
  expect([...asked]).toEqual([site.origin])
  expect(said).toEqual([])
})
