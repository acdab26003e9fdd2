import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import type { Cache } from '../../src/caches/cache.js'
import { locmem } from '../../src/caches/locmem.js'
import { openCache } from '../../src/caches/open.js'
import type { SettingsInput } from '../../src/core/settings.js'
import type { Routes } from '../../src/testing/index.js'
import { startRedis, type TestServer } from '../support/servers/index.js'
import { everywhere, standing } from './everywhere.js'

const PREFIXES = { cache: 'django.contrib.sessions.cache', cached_db: 'django.contrib.sessions.cached_db' } as const
const engines = Object.keys(PREFIXES) as readonly (keyof typeof PREFIXES)[]
const evil = Buffer.from('not a session')

const routes: Routes = {
  '/': async ({ session }) => JSON.stringify({ ...(await session()) }),
  '/keep': async ({ session, query }) => {
    ;(await session()).set('basket', query.get('it'))
    return 'kept'
  },
}

let redis: TestServer
beforeAll(async () => {
  redis = await startRedis()
})
afterAll(() => redis?.[Symbol.asyncDispose]())

/** What the application keeps its own values in: the very cache that the sessions are in. */
const shared: Readonly<Record<string, () => { readonly location: string | object; readonly application: Cache }>> = {
  locmem: () => {
    const cache = locmem()
    return { location: cache, application: cache }
  },
  redis: () => ({ location: redis.url, application: openCache(redis.url, { clock: Date.now, withExpiry: false }) }),
}

describe.each(everywhere)('over %s', (adapter) => {
  describe.each(Object.keys(shared))('with the cache %s', (name) => {
    test.each(engines)(
      'T13: an application that stores under a session’s key changes no session (engine %s)',
      async (sessionEngine) => {
        const { location, application } = (shared[name] as (typeof shared)[string])()
        const settings = {
          middleware: ['sessions'],
          sessionEngine,
          caches: { default: { location, keyPrefix: 'shop', version: 3 } },
        } as SettingsInput
        await using shop = await standing(adapter, settings, routes)
        const visitor = shop.visitor()
        await visitor.get('/keep?it=apples')
        const key = visitor.cookies.get('sessionid') as string
        // Django's own name of it: the session is there, or, beside a database, a Django's copy that a save takes out.
        const own = `shop:3:${PREFIXES[sessionEngine]}${key}`
        if (sessionEngine === 'cache') expect(await application.has(own)).toBe(true)
        else await application.add(own, evil, Date.now() + 60_000)
        const other = sessionEngine === 'cache' ? 'cached_db' : 'cache'
        const names = [key, `:1:${key}`, `shop:3:${key}`, `:1:${PREFIXES[sessionEngine]}${key}`]
        names.push(`shop:1:${PREFIXES[sessionEngine]}${key}`, `shop:3:${PREFIXES[other]}${key}`, `sessionid:${key}`)
        for (const taken of names) {
          expect(await application.add(taken, evil, Date.now() + 60_000), taken).toHaveProperty('version')
        }
        expect((await visitor.get('/')).json()).toEqual({ basket: 'apples' })
        await visitor.get('/keep?it=pears')
        for (const taken of names) {
          expect(Buffer.from((await application.get(taken))?.value ?? [])).toEqual(evil)
          await application.delete(taken)
        }
        expect((await visitor.get('/')).json()).toEqual({ basket: 'pears' })
        expect(await application.has(own)).toBe(sessionEngine === 'cache')
        if (location !== application) await application.close()
      },
    )
  })
})
