import type { IncomingMessage, ServerResponse } from 'node:http'
import { createRequire } from 'node:module'
import { sojourn } from 'sojourn'
import { memoryEngine } from 'sojourn/engines/memory'
import { getSession, sojourn as onNode } from 'sojourn/node'
import { Client, serve, watched } from 'sojourn/testing'
import { expect, test } from 'vitest'

/** h3 1, as Nuxt 4 and Nitro 2 have it; here it comes with unstorage. */
const require = createRequire(createRequire(import.meta.url).resolve('unstorage'))
const { createApp, eventHandler, fromNodeMiddleware, toNodeListener } = require('h3') as {
  createApp(): { use(handler: unknown): void }
  eventHandler(handler: (event: object) => unknown): unknown
  fromNodeMiddleware(
    middleware: (request: IncomingMessage, response: ServerResponse, next: () => void) => void,
  ): unknown
  toNodeListener(app: unknown): (request: IncomingMessage, response: ServerResponse) => void
}

test.each([{}, { delay: 2 }])('sojourn/node as a middleware of h3 1, as the pages say (%o)', async (watching) => {
  const engine = watched(memoryEngine(), watching)
  const site = sojourn({
    secretKey: 'a secret of the tests, of more than fifty characters in all',
    databases: { default: 'sqlite::memory:' },
    sessionEngine: engine,
  })
  site.on('request_failed', () => undefined)
  const app = createApp()
  app.use(fromNodeMiddleware(onNode(site)))
  app.use(
    eventHandler(async (event) => {
      const session = await getSession(event)
      session.visits = Number(session.get('visits', 0)) + 1
      return `visit ${session.visits}`
    }),
  )
  const served = await serve(toNodeListener(app))
  const visitor = new Client(served.origin)
  try {
    expect((await visitor.get('/')).text).toBe('visit 1')
    expect((await visitor.get('/')).text).toBe('visit 2')
    expect(engine.asked).toEqual(['create', 'load', 'save'])
    engine.fail = ['save']
    const response = await visitor.get('/')
    expect([response.status, response.headers['retry-after'], response.setCookies]).toEqual([503, '1', []])
  } finally {
    visitor.close()
    await served.close()
    await site.close()
  }
})
