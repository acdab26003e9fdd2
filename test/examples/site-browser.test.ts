import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import type { Browser, BrowserContextOptions, Page } from 'playwright-core'
import { Client } from 'sojourn/testing'
import { afterAll, afterEach, beforeAll, describe, expect, type TestContext, test } from 'vitest'
import { demoUsers } from '../../examples/site/users.js'
import { launchChromium } from '../support/chromium.js'
import { type SiteProcess, startSite } from './site-process.js'

const PAGES = [
  '/',
  '/cart',
  '/checkout',
  '/preferences',
  '/session',
  '/devices',
  '/password',
  '/forms',
  '/login',
  '/register',
  '/nowhere',
]
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

async function logIn(page: Page, { username, password } = ada): Promise<void> {
  await page.goto('/login')
  await page.getByLabel('User name').fill(username)
  await page.getByLabel('Password').fill(password)
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

test('a visitor registers, mends what was wrong, and keeps the cart; a new password logs the other browser out', async (context) => {
  const page = await visitor(context)
  const phone = await visitor(context)
  const inForm = (name: string): Promise<void> => page.getByRole('main').getByRole('button', { name }).click()
  /** What is read out with a field that has got the focus, which comes some time after the page. */
  const saidOf = async (name: string): Promise<string | null> => {
    const field = page.locator(`[name=${name}][aria-invalid]:focus`)
    const [first] = ((await field.getAttribute('aria-describedby')) ?? '').split(' ')
    return page.locator(`#${first}`).textContent()
  }
  await fillCart(page)
  const anonymous = await cookie(page)
  await page.getByRole('link', { name: 'Log in' }).click()
  await page.getByRole('link', { name: 'No account yet? Register.' }).click()
  const register = async (username: string, password: string, again: string): Promise<void> => {
    await page.getByLabel('User name').fill(username)
    await page.getByLabel('Password', { exact: true }).fill(password)
    await page.getByLabel('The same password again').fill(again)
    await inForm('Register')
  }
  await register('ada', 'sums and tables', 'sums and tables')
  expect(await saidOf('username')).toBe('That user name is taken.')
  expect(await page.getByLabel('User name').inputValue()).toBe('ada')
  await register('mary', '18180101', '18180101')
  expect(await saidOf('password')).toBe('Digits alone are too easy to guess.')
  await register('mary', 'sums and tables', 'sums and fables')
  expect(await saidOf('again')).toBe('The two passwords are not the same.')
  await register('mary', 'sums and tables', 'sums and tables')
  expect(await page.locator('.messages .welcome').textContent()).toContain('Welcome to Waypost, mary!')
  expect(await greeting(page)).toBe('Hello, mary')
  expect(await cookie(page)).not.toBe(anonymous)
  await page.goto('/cart')
  expect(await page.getByLabel('Quantity of Trail map').inputValue()).toBe('1')

  await logIn(phone, { username: 'mary', password: 'sums and tables' })
  await page.getByRole('link', { name: 'Devices' }).click()
  await page.locator('.device').nth(1).waitFor()
  await page.getByRole('link', { name: 'Change password' }).click()
  const change = async (current: string): Promise<void> => {
    await page.getByLabel('Current password').fill(current)
    await page.getByLabel('New password', { exact: true }).fill('sums and fables')
    await page.getByLabel('The new password again').fill('sums and fables')
    await inForm('Change password')
  }
  await change('sums and cables')
  expect(await saidOf('current')).toBe('That is not your current password.')
  await change('sums and tables')
  expect(await page.getByRole('status').textContent()).toContain('Your password is changed')
  await phone.goto('/')
  expect(await greeting(phone)).toBe('Hello, Guest')
  await page.getByRole('link', { name: 'Devices' }).click()
  await page.getByRole('heading', { name: 'Devices' }).waitFor()
  await page.waitForLoadState()
  expect(await page.locator('.device').count()).toBe(1)
})

test('of three forms the one with its token is accepted, and the others get the site’s own page', async (context) => {
  const page = await visitor(context)
  await page.goto('/')
  await page.getByRole('link', { name: 'Protected forms' }).click()
  await press(page, 'Send with the token')
  expect(await page.getByRole('status').locator('.success').textContent()).toContain('Accepted')
  expect(await page.getByRole('status').locator('.info').textContent()).toContain('Sec-Fetch-Site: same-origin')
  for (const [button, code] of [
    ['Send without a token', 'no_token'],
    ['Send the other token', 'token'],
  ] as const) {
    const [answer] = await Promise.all([page.waitForResponse(/\/forms$/), press(page, button)])
    expect(answer.status()).toBe(403)
    await page.getByRole('heading', { name: 'This form was not accepted', level: 1 }).waitFor()
    expect(await page.locator('#code').textContent()).toBe(code)
    await page.getByRole('link', { name: 'Back to the form' }).click()
    await page.getByRole('heading', { name: 'Protected forms' }).waitFor()
  }
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
  const measure = async (what: string): Promise<void> => {
    await page.waitForLoadState()
    const width = Number(await page.evaluate('document.documentElement.scrollWidth'))
    if (width > 390) wide.push(`${what} is ${width} px wide`)
  }
  const look = async (): Promise<void> => {
    for (const path of PAGES) {
      await page.goto(path)
      await measure(path)
    }
    for (const form of ['own-token', 'no-token']) {
      await page.goto('/forms')
      await page.locator(`#${form} button`).click()
      await measure(`the answer to ${form}`)
    }
    await page.goto('/register')
    await page.locator('#username').fill('W'.repeat(151))
    for (const field of ['#password', '#again']) await page.locator(field).fill('12345678')
    await page.getByRole('main').getByRole('button').click()
    await measure('a registration that is refused')
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
    const look = async (): Promise<void> => {
      await page.waitForLoadState()
      faint.push(...((await page.evaluate(FAINT_TEXTS)) as unknown[]))
    }
    for (const path of ['/', '/login', '/session']) {
      await page.goto(path)
      await look()
    }
    await page.goto('/register')
    await page.getByLabel('User name').fill('a b')
    for (const field of ['#password', '#again']) await page.locator(field).fill('12345678')
    await page.getByRole('main').getByRole('button').click()
    await look()
    expect(await page.locator('.refused').count()).toBe(2)
    await fillCart(page)
    await logIn(page)
    for (const path of PAGES) {
      await page.goto(path)
      await look()
    }
    await page.goto('/forms')
    await press(page, 'Send without a token')
    await look()
    // A message of each level.
    await page.goto('/cart')
    await page.getByLabel('Quantity of Enamel mug').fill('99')
    await press(page, 'Update Enamel mug')
    await page.goto('/')
    await press(page, 'Add Enamel mug to the cart')
    await look()
    expect(await page.locator('.messages .warning').count()).toBe(1)
    await press(page, 'Forget my name')
    await page.getByLabel('Your name').fill(' ')
    await press(page, 'Call me that')
    await look()
    expect(await page.locator('.messages .error').count()).toBe(1)
    await page.goto('/forms')
    await press(page, 'Send with the token')
    await look()
    expect(await page.locator('.messages .success, .messages .info').count()).toBe(2)
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

test('whoever logs in on one of the three sites is known on the others, and logs out of all', async (context) => {
  const page = await visitor(context)
  const { port } = new URL(site.origin)
  const other = (name: string): string => `http://${name}.localhost:${port}/`
  const visit = async (name: string): Promise<string> => {
    await page.evaluate(`location.href = ${JSON.stringify(other(name))}`)
    await page.waitForURL(other(name))
    return page.locator('#who').innerText()
  }
  await page.goto('/')
  expect(await visit('news')).toMatch(/does not know you/)
  // From a neighbour by the shop's login page and back: a form whose answer leads to another host.
  await page.click('#login')
  await page.getByLabel('User name').fill(ada.username)
  await page.getByLabel('Password').fill(ada.password)
  await page.getByRole('main').getByRole('button', { name: 'Log in' }).click()
  await page.waitForURL(other('news'))
  expect(await page.locator('#who').innerText()).toBe('You are logged in here as ada.')
  expect(await visit('maps')).toBe('You are logged in here as ada.')
  await page.goto('/')
  await page.click('#everywhere')
  await page.waitForURL(`${site.origin}/`)
  expect(await page.locator('#everywhere').count()).toBe(0)
  for (const name of ['maps', 'news']) expect(await visit(name)).toMatch(/does not know you/)
})
