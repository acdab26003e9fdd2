import type { Browser } from 'playwright-core'
import { expect } from 'vitest'
import type { Running } from './running.js'

/** What a visitor of the three sites does, in a real browser: which resolves their names by itself, and keeps their cookies apart. */
export async function walkByProvider(
  browser: Browser,
  { provider, shop, guestbook }: Running,
  user: { readonly username: string; readonly password: string },
): Promise<void> {
  const visitor = await browser.newContext()
  try {
    const page = await visitor.newPage()
    page.setDefaultTimeout(30_000)
    const press = (name: string): Promise<void> => page.getByRole('button', { name, exact: true }).click()
    const follow = (name: string): Promise<void> => page.getByRole('link', { name, exact: true }).click()
    const who = async (origin: string): Promise<string | null> => {
      await page.goto(`${origin}/`)
      return page.locator('#user').textContent()
    }
    const all = async (): Promise<readonly (string | null)[]> => [
      await who(provider),
      await who(shop),
      await who(guestbook),
    ]
    const logIn = async (): Promise<void> => {
      await page.goto(`${shop}/`)
      await follow('Log in')
      expect(new URL(page.url()).origin).toBe(provider)
      await page.getByLabel('Name').fill(user.username)
      await page.getByLabel('Password').fill(user.password)
      await press('Log in')
      await page.waitForURL(`${shop}/`)
      // No page in between at the second site.
      await page.goto(`${guestbook}/`)
      await follow('Log in by the provider')
      await page.waitForURL(`${guestbook}/`)
      expect(await all()).toEqual([user.username, 'id|1', 'id|1'])
    }

    await logIn()
    await page.goto(`${provider}/`)
    await press('Log out')
    await page.getByRole('link', { name: 'Log in', exact: true }).waitFor()
    expect(await all()).toEqual(['nobody', 'nobody', 'nobody'])

    await logIn()
    await page.goto(`${shop}/`)
    await press('Log out')
    await page.getByRole('heading', { name: 'Log out?' }).waitFor()
    await press('Log out')
    await page.waitForURL(`${shop}/`)
    expect(await all()).toEqual(['nobody', 'nobody', 'nobody'])

    await logIn()
    await page.goto(`${guestbook}/`)
    await press('Log out at the provider')
    await press('Log out')
    await page.waitForURL(`${guestbook}/`)
    expect(await all()).toEqual(['nobody', 'nobody', 'nobody'])
  } finally {
    await visitor.close()
  }
}
