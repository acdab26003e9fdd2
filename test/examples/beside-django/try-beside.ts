import { afterAll, beforeAll, describe, vi } from 'vitest'
import { missingDriver } from '../../django/drivers.js'
import { findDjango, type Suite } from '../../django/home.js'
import { launchChromium } from '../../support/chromium.js'
import { missingServer, startMemcached, startRedis, type TestServer } from '../../support/servers/index.js'
import { browserClaims, type Launched } from './browser-claims.js'
import { besideClaims } from './claims.js'
import { type CacheServer, type Configuration, configurations, drivers } from './configurations.js'
import { type Running, startExample } from './running.js'

const starts = { redis: startRedis, memcached: startMemcached } as const

/** Tries the example with the newest Django there is in every configuration, or with that of a suite in those that matter most. */
export async function tryBeside(suite: Suite | undefined, cache: CacheServer, cacheName: string): Promise<void> {
  // Real hashes and a real browser, and the machine may be busy.
  vi.setConfig({ testTimeout: 60_000, hookTimeout: 120_000 })
  const home = await findDjango(suite)
  const version = 'missing' in home ? '' : home.version
  let server: TestServer | undefined
  let chromium: Promise<Launched> | undefined
  const launched = (): Promise<Launched> => (chromium ??= launchChromium())
  afterAll(async () => {
    const opened = await chromium
    if (opened !== undefined && 'browser' in opened) await opened.browser.close()
    await server?.[Symbol.asyncDispose]()
  })

  for (const configuration of configurations(cache, cacheName).filter(({ isMain }) => suite === undefined || isMain)) {
    const none = 'missing' in home ? home.missing : await missingFor(configuration, suite)
    const reason = none === undefined ? '' : ` (${none})`
    describe.skipIf(none !== undefined)(`Django ${version}, ${configuration.name}${reason}`, () => {
      let started: Running
      const running = (): Running => started
      beforeAll(async () => {
        if ('missing' in home) throw new Error(home.missing)
        if (configuration.cache !== undefined) server ??= await starts[configuration.cache]()
        started = await startExample(home, environment(configuration, server))
      })
      afterAll(() => started?.[Symbol.asyncDispose]())

      besideClaims(running, configuration)
      if (configuration.isMain) browserClaims(running, launched)
    })
  }
}

async function missingFor({ cache }: Configuration, suite: Suite | undefined): Promise<string | undefined> {
  if (cache === undefined) return undefined
  return (await missingServer(cache)) ?? (await missingDriver(suite, [drivers[cache]]))
}

function environment(
  { engine, cache, csrfInSession = false }: Configuration,
  server: TestServer | undefined,
): Readonly<Record<string, string>> {
  return {
    SESSION_ENGINE: engine,
    CSRF_USE_SESSIONS: String(csrfInSession),
    ...(cache === undefined || server === undefined ? {} : { CACHE_URL: server.url }),
  }
}
