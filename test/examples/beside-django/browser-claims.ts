import type { Page } from 'playwright-core'
import { expect, test } from 'vitest'
import type { launchChromium } from '../../support/chromium.js'
import type { Running } from './running.js'

/** What `launchChromium` gives. */
export type Launched = Awaited<ReturnType<typeof launchChromium>>

/** A whole visit in a real browser, which sends what curl does not: Origin, Referer and Sec-Fetch-Site. */
export function browserClaims(running: () => Running, launched: () => Promise<Launched>): void {
  test('in a browser, a visitor goes to and fro between the two and notices nothing', async (context) => {
    const chromium = await launched()
    if ('missing' in chromium) return context.skip(chromium.missing)
    const own = await chromium.browser.newContext({ baseURL: running().origin })
    try {
      own.setDefaultTimeout(10_000)
      await visit(await own.newPage(), running())
    } finally {
      await own.close()
    }
  })
}

async function visit(page: Page, { users: { ann } }: Running): Promise<void> {
  const press = (name: string): Promise<void> => page.getByRole('button', { name, exact: true }).click()
  const shown = (id: string): Promise<string | null> => page.locator(`#${id}`).textContent()
  const where = (): string => new URL(page.url()).pathname
  const fill = async (): Promise<void> => {
    await page.getByLabel('Username:').fill(ann.username)
    await page.getByLabel('Password:').fill(ann.password)
    await press('Log in')
  }
  const session = async (): Promise<string | undefined> =>
    (await page.context().cookies()).find(({ name }) => name === 'sessionid')?.value

  await page.goto('/')
  await press('Add a mug at Node')
  expect([where(), await shown('cart')]).toEqual(['/node/', 'mug 1'])
  await press('Add a map at Django')
  expect([where(), await shown('cart')]).toEqual(['/', 'mug 1, map 1'])
  const anonymous = await session()

  // Node sends to Django's login page, and Django back to Node.
  await page.goto('/node/account/password')
  expect(where()).toBe('/login/')
  await fill()
  expect([where(), await shown('user')]).toEqual(['/node/account/password', ann.username])
  expect(await session()).not.toBe(anonymous)
  await page.goto('/admin/')
  expect(await page.title()).toContain('Site administration')

  await page.goto('/node/form')
  await page.getByLabel('Your words').fill('Grüße')
  await press("Write in Django's guestbook")
  expect([where(), await shown('messages')]).toEqual(['/guestbook/', `Django says: thank you, ${ann.username}`])
  await page.goto('/node/form')
  expect(await shown('messages')).toBe('')
  await page.getByLabel('A note').fill('<i>')
  await press('Note it at Node')
  expect([where(), await shown('messages')]).toEqual(['/node/', 'Node says: <i>'])

  for (const [action, button] of [
    ['/guestbook/', "Write in Django's guestbook"],
    ['/node/note', 'Note it at Node'],
  ] as const) {
    await page.goto('/node/form')
    const form = page.locator(`form[action="${action}"]`)
    await form.locator('[name=csrfmiddlewaretoken]').evaluate((field: { remove(): void }) => field.remove())
    await form.getByRole('textbox').fill('no token')
    const [answer] = await Promise.all([page.waitForResponse(`**${action}`), press(button)])
    expect([action, answer.status()]).toEqual([action, 403])
  }

  await page.goto('/')
  await press('Log out at Node')
  expect([where(), await shown('user'), await shown('cart')]).toEqual(['/node/', 'nobody', 'empty'])
  await page.goto('/')
  expect(await shown('user')).toBe('nobody')

  await page.goto('/node/login')
  await fill()
  expect([where(), await shown('user')]).toEqual(['/node/', ann.username])
  await page.goto('/admin/')
  expect(await page.title()).toContain('Site administration')
  await page.goto('/node/')
  await press('Log out at Django')
  expect([where(), await shown('user')]).toEqual(['/', 'nobody'])
  await page.goto('/node/')
  expect(await shown('user')).toBe('nobody')
}
