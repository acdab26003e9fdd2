/**
 * Makes the pictures of the documentation, docs/images/site-light.png and site-dark.png:
 *
 *     tsx examples/site/screenshot.ts
 */
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import type { Browser } from 'playwright-core'
import { sojourn } from 'sojourn'
import { serve } from 'sojourn/testing'
import { launchChromium } from '../../test/support/chromium.js'
import { createApp } from './app.js'

const images = fileURLToPath(new URL('../../docs/images', import.meta.url))

const launched = await launchChromium()
if ('missing' in launched) throw new Error(launched.missing)
const site = sojourn({
  secretKey: 'the key of two pictures, which nobody else ever uses',
  databases: { default: 'sqlite::memory:' },
})
const served = await serve(createApp(site))
try {
  await shoot(launched.browser, 'light', '/')
  await shoot(launched.browser, 'dark', '/cart')
} finally {
  await launched.browser.close()
  await served.close()
  await site.close()
}

/** A visitor who gave a name and filled a cart. */
async function shoot(browser: Browser, colorScheme: 'light' | 'dark', path: string): Promise<void> {
  const page = await browser.newPage({ viewport: { width: 1280, height: 800 }, colorScheme, baseURL: served.origin })
  await page.goto('/')
  await page.getByLabel('Your name').fill('Ada')
  await page.getByRole('button', { name: 'Call me that' }).click()
  for (const name of ['Storm lantern', 'Enamel mug', 'Trail map', 'Enamel mug']) {
    await page.getByRole('button', { name: `Add ${name}` }).click()
  }
  // Once more, so that the flash text is gone.
  await page.goto(path)
  await page.screenshot({ path: join(images, `site-${colorScheme}.png`) })
}
