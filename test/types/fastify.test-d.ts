// Compiled, never run: each line below an `@ts-expect-error` must not compile, and every other line must.
import { type FastifyRequest, fastify } from 'fastify'
import type { Session } from 'sojourn'
import { csrfProtect, getUser, loginRequired, sojourn } from 'sojourn/fastify'

type Equal<A, B> = (<T>() => T extends A ? 1 : 2) extends <T>() => T extends B ? 1 : 2 ? true : false
const same = <_ extends true>(): void => {}

same<Equal<FastifyRequest['session'], Session>>()

const sessions = sojourn({ secretKey: 'a long random text' })

const app = fastify({ logger: true })
await app.register(sessions)
await app.register(sojourn(sessions.site))
app.addHook('onRequest', loginRequired)
app.get('/', { preHandler: [loginRequired, csrfProtect], preValidation: csrfProtect }, async (request, reply) => {
  same<Equal<typeof request.session, Session>>()
  request.session.set('visits', 1)
  // @ts-expect-error a method of the session
  request.session.flush = 1
  // @ts-expect-error the session itself stays
  request.session = undefined
  // @ts-expect-error a reply has none
  reply.session
  return getUser(request)
})

// Whatever server the app stands on.
const secure = fastify({ http2: true, https: {} })
await secure.register(sessions)
secure.get('/', { preHandler: loginRequired }, async (request) => request.session.get('visits'))

// @ts-expect-error an unknown setting
sojourn({ sekretKey: 'a long random text' })
