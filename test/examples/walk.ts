import type { Browser } from 'playwright-core'
import { expect } from 'vitest'
import { demoUser } from '../../examples/shared/users.js'

/** What a visitor does in every example, in a real browser: a guest with a cart logs in, keeps it, buys more, and logs out. */
export async function walk(browser: Browser, origin: string): Promise<void> {
  const visitor = await browser.newContext({ baseURL: origin })
  const page = await visitor.newPage()
  try {
    page.setDefaultTimeout(15_000)
    const press = (name: string): Promise<void> => page.getByRole('button', { name, exact: true }).click()
    const heading = (text: string): Promise<void> => page.getByRole('heading', { name: text, exact: true }).waitFor()
    const add = async (item: string): Promise<void> => {
      await page.getByLabel('Item').fill(item)
      await press('Add')
      await page
        .getByRole('status')
        .filter({ hasText: `${item} is in the cart.` })
        .waitFor()
    }
    const key = async (): Promise<string | undefined> =>
      (await visitor.cookies()).find(({ name }) => name === 'sessionid')?.value

    await page.goto('/')
    await heading('Hello, Guest')
    expect(await key(), 'a guest who looks has no session').toBeUndefined()

    await page.goto('/cart')
    await add('Enamel mug')
    const guest = await key()
    expect(guest).toBeDefined()

    await page.goto('/login')
    await logIn('wrong')
    await page.getByRole('status').filter({ hasText: 'Wrong name or password.' }).waitFor()
    await logIn(demoUser.password)
    await heading('Hello, ada')
    expect(await key(), 'login changes the key').not.toBe(guest)

    await page.goto('/cart')
    await add('Trail <map>')
    expect(await page.getByRole('listitem').allTextContents()).toEqual(['Enamel mug', 'Trail <map>'])
    await page.reload()
    expect(await page.getByRole('status').count(), 'a message is shown once').toBe(0)

    await page.goto('/')
    await press('Log out')
    await heading('Hello, Guest')
    await page.goto('/cart')
    expect(await page.getByRole('listitem').count(), 'the cart went with the session').toBe(0)

    async function logIn(password: string): Promise<void> {
      await page.getByLabel('Name').fill(demoUser.username)
      await page.getByLabel('Password').fill(password)
      await press('Log in')
    }
  } catch (error) {
    throw new Error(`${page.url()} shows: ${await page.locator('body').innerText()}`, { cause: error })
  } finally {
    await visitor.close()
  }
}
