import { mkdirSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { type Browser, type BrowserContext, chromium } from 'playwright-core'
import { chromiumPath, headlessPath } from './debian.js'

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
  const found = await headlessPath()
  if ('missing' in found) return found
  return { browser: await chromium.launch({ executablePath: found.path, args: FLAGS }) }
}

/** Hosts below `.test` are this machine, and others are nowhere: some pages ask for a font of the web. */
const RESOLVER = '--host-resolver-rules=MAP *.test 127.0.0.1, MAP * ~NOTFOUND'

/**
 * A Chromium with a profile of its own in this folder, for which all hosts below `.test` are this machine, whatever certificate they show.
 *
 * @param thirdPartyCookies whether sites in frames of other sites have their cookies
 */
export async function launchProfile(
  folder: string,
  thirdPartyCookies: boolean,
): Promise<{ readonly context: BrowserContext } | { readonly missing: string }> {
  // That is told only one with windows.
  const found = await (thirdPartyCookies ? headlessPath() : chromiumPath())
  if ('missing' in found) return found
  mkdirSync(join(folder, 'Default'), { recursive: true })
  const preferences = { profile: { cookie_controls_mode: thirdPartyCookies ? 0 : 1 } }
  writeFileSync(join(folder, 'Default/Preferences'), JSON.stringify(preferences))
  const context = await chromium.launchPersistentContext(folder, {
    executablePath: found.path,
    args: [...FLAGS, RESOLVER],
    ignoreHTTPSErrors: true,
  })
  return { context }
}
