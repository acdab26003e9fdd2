import { createHash } from 'node:crypto'
import type { FastifyInstance, FastifyPluginCallback } from 'fastify'
import type { Serve } from './index.js'
import { onFastify } from './on-fastify.js'
import { visitorPages } from './pages.js'
import { SECRET, TWO_WEEKS } from './secret.js'

/** Under a name that TypeScript does not follow: these types would make every `request.session` of the program its own. */
const peer: string = '@fastify/secure-session'
const { default: secureSession } = (await import(peer)) as {
  readonly default: FastifyPluginCallback<Record<string, unknown>>
}

/** With a key and the options of its documentation, for two weeks. */
export const serve: Serve = () =>
  onFastify(visitorPages, (app: FastifyInstance) =>
    app.register(secureSession, {
      key: createHash('sha256').update(SECRET).digest(),
      expiry: TWO_WEEKS / 1000,
      cookie: { path: '/', httpOnly: true, maxAge: TWO_WEEKS / 1000 },
    }),
  )
