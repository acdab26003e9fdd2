import { Agent, request } from 'node:http'
import type { AddressInfo } from 'node:net'
import { constants, PerformanceObserver } from 'node:perf_hooks'
import { getHeapSpaceStatistics } from 'node:v8'
import { fastify } from 'fastify'
import { type Site, sojourn } from 'sojourn'
import { memoryEngine } from 'sojourn/engines/memory'
import { sojourn as onFastify } from 'sojourn/fastify'
import { sojourn as onNode } from 'sojourn/node'
import { type Served, serve, watched } from 'sojourn/testing'
import { expect, test } from 'vitest'

/** Bytes; what a request leaves where everything about it is made in the old space is some 3,500, and else below 50. */
const MOST_LEFT = 500
const CLIENTS = 32

/** A page that counts at /write, and does nothing anywhere else. */
const starts: Readonly<Record<string, (site: Site) => Promise<Served>>> = {
  'node:http': (site) =>
    serve(
      onNode(site).handle(({ url, session }, response) => {
        if (url === '/write') session.count = Number(session.get('count', 0)) + 1
        response.end('ok')
      }),
    ),
  Fastify: async (site) => {
    const app = fastify()
    app.register(onFastify(site))
    app.get('/*', async ({ url, session }) => {
      if (url === '/write') session.count = Number(session.get('count', 0)) + 1
      return 'ok'
    })
    await app.ready()
    return serve((request, response) => app.routing(request, response))
  },
}

test.each(Object.entries(starts))(
  '%s: answers that waited for a store do not make V8 keep the requests after them',
  async (_, start) => {
    const site = sojourn({
      secretKey: 'a secret of the tests, of more than fifty characters in all',
      databases: { default: 'sqlite::memory:' },
      sessionEngine: watched(memoryEngine(), { delay: 2 }),
    })
    const served = await start(site)
    const agent = new Agent({ keepAlive: true, maxSockets: CLIENTS })
    const port = (served.server.address() as AddressInfo).port
    const get = (path: string, cookie?: string): Promise<string | undefined> =>
      new Promise((resolve, reject) => {
        request({ port, path, agent, headers: cookie === undefined ? {} : { cookie } }, (response) => {
          response.resume()
          response.on('end', () => resolve(response.headers['set-cookie']?.[0]?.split(';')[0]))
        })
          .on('error', reject)
          .end()
      })
    const many = async (count: number, path: string, cookies: readonly (string | undefined)[]): Promise<void> => {
      let next = 0
      const client = async (): Promise<void> => {
        while (next < count) await get(path, cookies[next++ % cookies.length])
      }
      await Promise.all(Array.from({ length: CLIENTS }, client))
    }
    let collections = 0
    const observer = new PerformanceObserver((list) => {
      for (const entry of list.getEntries()) {
        if ((entry as unknown as { detail: { kind: number } }).detail.kind === constants.NODE_PERFORMANCE_GC_MAJOR)
          collections++
      }
    })
    observer.observe({ entryTypes: ['gc'] })
    try {
      const cookies: (string | undefined)[] = []
      for (let i = 0; i < 64; i++) cookies.push(await get('/write'))
      await many(4000, '/write', cookies)
      const left: number[] = []
      // A round in which the old space was collected says nothing.
      for (let round = 0; round < 12 && left.length < 3; round++) {
        collections = 0
        const before = oldSpace()
        await many(2000, '/', [undefined])
        const bytes = (oldSpace() - before) / 2000
        await new Promise((resolve) => setTimeout(resolve))
        if (collections === 0) left.push(bytes)
      }
      expect(Math.min(...left)).toBeLessThan(MOST_LEFT)
    } finally {
      observer.disconnect()
      agent.destroy()
      await served.close()
      await site.close()
    }
  },
)

function oldSpace(): number {
  return getHeapSpaceStatistics().find(({ space_name }) => space_name === 'old_space')?.space_used_size ?? Number.NaN
}
