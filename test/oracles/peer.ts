import { RedisStore } from 'connect-redis'
import express from 'express'
import session from 'express-session'
import { createClient } from 'redis'
import { pagesListener } from './pages.js'
import type { AppOptions } from './subjects.js'

/** express-session with the options that its documentation advises, in its own memory or in Redis. */
export async function peer({ address }: AppOptions): Promise<express.Express> {
  const app = express()
  const store = address['cache'] === undefined ? undefined : new RedisStore({ client: await connect(address['cache']) })
  app.use(session({ secret: 'a secret of the oracles', resave: false, saveUninitialized: false, store }))
  app.use(
    pagesListener(
      (request) => {
        const kept = (request as express.Request).session as unknown as Record<string, unknown>
        return {
          get: (key) => kept[key],
          set: (key, value) => {
            kept[key] = value
          },
          end: () =>
            new Promise((resolve, reject) => {
              ;(request as unknown as { session: session.Session }).session.destroy((error: unknown) =>
                error ? reject(error) : resolve(),
              )
            }),
        }
      },
      () => ({ corrupted: 0, strange: 0 }),
    ),
  )
  return app
}

async function connect(url: string): Promise<ReturnType<typeof createClient>> {
  const client = createClient({ url })
  client.on('error', () => undefined)
  await client.connect()
  return client as ReturnType<typeof createClient>
}
