import type Koa from 'koa'
import session from 'koa-session'
import { createClient } from 'redis'
import type { Serve, Setup } from './index.js'
import { onKoa, type PlugKoa } from './on-koa.js'
import { visitorPages } from './pages.js'
import { SECRET, TWO_WEEKS } from './secret.js'

/** What its documentation calls an external store. */
interface ExternalStore {
  get(key: string): Promise<object | undefined>
  set(key: string, value: object, maxAge: number | 'session'): Promise<void>
  destroy(key: string): Promise<void>
}

/** With the options of its documentation, for two weeks; `rolling` only where reads are to move the end. */
export const serve: Serve = async (setup) => {
  const store = await storeOf(setup)
  const plug =
    (rolling: boolean): PlugKoa =>
    (app: Koa) => {
      app.keys = [SECRET]
      app.use(
        session({ maxAge: TWO_WEEKS, rolling, ...(store && { store }) }, app as never) as unknown as Koa.Middleware,
      )
    }
  return onKoa(visitorPages, plug(false), setup.store === 'Redis' ? plug(true) : undefined)
}

/** None of its own holds sessions outside the cookie, so these two are the least that its three methods can be. */
async function storeOf({ store, urls, count }: Setup): Promise<ExternalStore | undefined> {
  if (store === 'signed cookies') return undefined
  if (store === 'Redis') return inRedis(await createClient({ url: urls.redis }).connect())
  const memory = inMemory()
  count?.(memory, ['get', 'set', 'destroy'])
  return memory
}

function inMemory(): ExternalStore {
  const texts = new Map<string, string>()
  return {
    async get(key) {
      const text = texts.get(key)
      return text === undefined ? undefined : (JSON.parse(text) as object)
    },
    async set(key, value) {
      texts.set(key, JSON.stringify(value))
    },
    async destroy(key) {
      texts.delete(key)
    },
  }
}

interface Redis {
  get(key: string): Promise<string | null>
  set(key: string, text: string, options: { expiration: { type: 'PX'; value: number } }): Promise<unknown>
  del(key: string): Promise<unknown>
}

function inRedis(client: Redis): ExternalStore {
  return {
    async get(key) {
      const text = await client.get(key)
      return text === null ? undefined : (JSON.parse(text) as object)
    },
    async set(key, value, maxAge) {
      const expiration = { type: 'PX', value: Number(maxAge) } as const
      await client.set(key, JSON.stringify(value), { expiration })
    },
    async destroy(key) {
      await client.del(key)
    },
  }
}
