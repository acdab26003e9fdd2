import cookie from '@fastify/cookie'
import { RedisStore } from 'connect-redis'
import type { FastifyInstance, FastifyPluginCallback } from 'fastify'
import { createClient } from 'redis'
import type { Serve, Setup } from './index.js'
import { onFastify, type Plug } from './on-fastify.js'
import { visitorPages } from './pages.js'
import { SECRET, TWO_WEEKS } from './secret.js'

/** Under a name that TypeScript does not follow: these types would make every `request.session` of the program @fastify/session's. */
const peer: string = '@fastify/session'
const { default: fastifySession } = (await import(peer)) as {
  readonly default: FastifyPluginCallback<Record<string, unknown>> & { readonly MemoryStore: new () => object }
}

/** With the options that its documentation advises; `rolling`, its default, only where reads are to move the end. */
export const serve: Serve = async (setup) => {
  const store = await storeOf(setup)
  const plug =
    (rolling: boolean): Plug =>
    async (app: FastifyInstance) => {
      await app.register(cookie)
      await app.register(fastifySession, {
        secret: SECRET,
        saveUninitialized: false,
        rolling,
        cookie: { maxAge: TWO_WEEKS, secure: false },
        store,
      })
    }
  return onFastify(visitorPages, plug(false), setup.store === 'Redis' ? plug(true) : undefined)
}

async function storeOf({ store, urls, count }: Setup): Promise<object> {
  if (store === 'Redis') return new RedisStore({ client: await createClient({ url: urls.redis }).connect() })
  const memory = new fastifySession.MemoryStore()
  count?.(memory, ['get', 'set', 'destroy'])
  return memory
}
