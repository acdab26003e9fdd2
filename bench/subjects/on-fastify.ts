import type { Server } from 'node:http'
import { type FastifyInstance, fastify } from 'fastify'
import { type Pages, SLIDING } from './pages.js'

/** Sets a session library up for the routes that are added to this instance later. */
export type Plug = (app: FastifyInstance) => unknown

/** A Fastify 5 application of these pages; `sliding` is the library for the page whose reads move the end. */
export async function onFastify(pages: Pages, plug?: Plug, sliding?: Plug): Promise<Server> {
  const app = fastify()
  const others = Object.keys(pages).filter((path) => sliding === undefined || path !== SLIDING)
  if (sliding !== undefined) await app.register(part(pages, [SLIDING], sliding))
  await app.register(part(pages, others, plug))
  await app.ready()
  return app.server as Server
}

function part(pages: Pages, paths: readonly string[], plug: Plug | undefined) {
  return async (app: FastifyInstance): Promise<void> => {
    await plug?.(app)
    for (const path of paths) {
      const page = pages[path] as Pages[string]
      app.get(path, (request, reply) => {
        reply.type('text/html; charset=utf-8')
        const { session } = request as unknown as { readonly session: Record<string, unknown> }
        const answer = page(session)
        if (typeof answer === 'string') reply.send(answer)
        else
          answer.then(
            (body) => reply.send(body),
            (error) => reply.send(error),
          )
      })
    }
  }
}
