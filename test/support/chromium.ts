import { type Browser, chromium } from 'playwright-core'
import { chromiumPath } from './debian.js'

/** A browser that talks to the pages under test and to nobody else; as root it needs `--no-sandbox`. */
const FLAGS = [
  '--headless',
  '--no-sandbox',
  '--disable-gpu',
  '--disable-quic',
  '--no-first-run',
  '--disable-background-networking',
  '--disable-component-update',
  '--disable-sync',
]

/**
 * Starts Debian's Chromium, which is installed first where that is allowed.
 *
 * @returns the browser, or `missing`: a sentence that tells what to install, for a test that must then be skipped
 */
export async function launchChromium(): Promise<{ readonly browser: Browser } | { readonly missing: string }> {
  const found = await chromiumPath()
  if ('missing' in found) return found
  return { browser: await chromium.launch({ executablePath: found.path, args: FLAGS }) }
}
