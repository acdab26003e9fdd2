import { createServer, type IncomingMessage, type OutgoingHttpHeaders, request } from 'node:http'
import type { AddressInfo } from 'node:net'
import { expect, test } from 'vitest'
import { getToken, messages } from '../../src/adapters/api.js'
import type { Session } from '../../src/core/session-types.js'
import { Client } from '../../src/testing/index.js'
import { adapters, given, live } from './live.js'

interface Stored {
  readonly vary: readonly [name: string, value: string][]
  readonly status: number
  readonly headers: OutgoingHttpHeaders
  readonly body: Buffer
}

/**
 * A shared cache (RFC 9111): it keeps every 200 to a GET that does not say `private` or `no-store`, Set-Cookie and all, which
 * the RFC allows, and gives it to whoever sends the same values in the headers that Vary names.
 */
async function cachingProxy(origin: string) {
  const stored = new Map<string, Stored[]>()
  const counts = { hits: 0 }
  const server = createServer(async (incoming, outgoing) => {
    const url = incoming.url as string
    const known = stored
      .get(url)
      ?.find(({ vary }) => vary.every(([name, value]) => (incoming.headers[name] ?? '') === value))
    if (known !== undefined) {
      counts.hits++
      outgoing.writeHead(known.status, known.headers)
      return void outgoing.end(known.body)
    }
    const answer = await new Promise<IncomingMessage>((resolve, reject) => {
      request(new URL(url, origin), { headers: incoming.headers, agent: false }, resolve).on('error', reject).end()
    })
    const body = Buffer.concat((await answer.toArray()) as Buffer[])
    const { vary = '', 'cache-control': control = '' } = answer.headers
    if (!/\b(private|no-store)\b/i.test(control) && vary !== '*') {
      const names = vary
        .toLowerCase()
        .split(',')
        .map((name) => name.trim())
        .filter(Boolean)
      const entry: Stored = {
        vary: names.map((name) => [name, String(incoming.headers[name] ?? '')]),
        status: answer.statusCode as number,
        headers: answer.headers,
        body,
      }
      stored.set(url, [...(stored.get(url) ?? []), entry])
    }
    outgoing.writeHead(answer.statusCode as number, answer.headers)
    outgoing.end(body)
  })
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  return {
    origin: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
    counts,
    async [Symbol.asyncDispose]() {
      server.closeAllConnections()
      await new Promise((resolve) => server.close(resolve))
    },
  }
}

const verbs: Readonly<Record<string, (session: Session) => unknown>> = {
  get: (session) => session.get('name'),
  property: (session) => session.name,
  has: (session) => session.has('name'),
  in: (session) => 'name' in session,
  keys: (session) => Object.keys(session),
  iterate: (session) => [...session],
  isEmpty: (session) => session.get('name') !== undefined && session.isEmpty(),
  set: (session) => session.set('seen', 1),
  delete: (session) => session.delete('name'),
  refresh: (session) => session.setExpiry(600),
  cycleKey: (session) => session.cycleKey(),
  flush: (session) => session.flush(),
}

test.each(adapters.flatMap((adapter) => [false, true, 'django' as const].map((every) => [adapter, every] as const)))(
  "T22: over %s, saveEveryRequest %s, a shared cache never gives A's page or cookie to B",
  async (adapter, sessionSaveEveryRequest) => {
    const settings = { middleware: ['sessions', 'csrf'] as const, sessionSaveEveryRequest }
    await using site = await live(adapter, settings, async (incoming, response) => {
      const { pathname } = new URL(incoming.url as string, 'http://localhost')
      const verb = pathname.slice(1)
      // What careless sites say of every page.
      response.setHeader('Cache-Control', 'public, max-age=600, s-maxage=600')
      if (verb.startsWith('enter-')) incoming.session.set('name', verb.slice(6))
      const result = verb === 'token' ? getToken(incoming) : await verbs[verb]?.(incoming.session)
      response.end(JSON.stringify({ result: result ?? null }))
    })
    await using proxy = await cachingProxy(site.origin)
    const visitors: Client[] = []
    try {
      for (const verb of [...Object.keys(verbs), 'nothing', 'token']) {
        const [ann, bob, nobody, another] = [0, 1, 2, 3].map(() => new Client(proxy.origin)) as [
          Client,
          Client,
          Client,
          Client,
        ]
        visitors.push(ann, bob, nobody, another)
        await ann.get(`/enter-ann?${verb}`)
        await bob.get(`/enter-bob?${verb}`)
        const seen = new Set<string>()
        for (const visitor of [ann, bob, nobody, another]) {
          const mine = visitor.cookies.get('sessionid')
          const page = await visitor.get(`/${verb}`)
          const keys = given(page.setCookies, 'sessionid')
          const what = `${verb}: ${JSON.stringify(page.headers)}`
          for (const key of keys) {
            if (key !== mine) expect(seen.has(key), what).toBe(false)
            expect(page.headers['cache-control'], what).toMatch(/\bprivate\b/)
            expect(page.headers['cache-control'], what).not.toMatch(/public|s-maxage/)
            seen.add(key)
          }
          for (const token of given(page.setCookies, 'csrftoken')) {
            expect(seen.has(token), what).toBe(false)
            seen.add(token)
          }
          if (verb !== 'nothing' || page.setCookies.length > 0) expect(page.headers.vary, what).toMatch(/\bCookie\b/i)
          if (visitor !== ann) expect(page.text, what).not.toMatch(/\bann\b/)
          if (visitor !== bob) expect(page.text, what).not.toMatch(/\bbob\b/)
        }
      }
      // The cache does keep and give what depends on nobody.
      if (sessionSaveEveryRequest === false) expect(proxy.counts.hits).toBeGreaterThan(0)
    } finally {
      for (const visitor of visitors) visitor.close()
    }
  },
)

test.each([
  ['Accept-Encoding', 'Accept-Encoding, Cookie'],
  [' Cookie ', ' Cookie '],
  ['cookie, Accept', 'cookie, Accept'],
  ['*', '*'],
])('T23: a handler that says Vary %j sends %j, whatever the request said', async (before, after) => {
  for (const adapter of adapters) {
    await using site = await live(adapter, {}, (incoming, response) => {
      response.setHeader('Vary', before)
      response.end(String(incoming.session.get('name')))
    })
    const page = await site.visitor().get('/', { headers: { Vary: 'X-Evil' } })
    expect(page.headers.vary?.trim()).toBe(after.trim())
  }
})

test('T22: a page that leaves a message in a cookie is for one visitor only', async () => {
  await using site = await live('node', {}, (incoming, response) => {
    response.setHeader('Cache-Control', 'public, max-age=600')
    messages.info(incoming, 'saved')
    response.end()
  })
  const page = await site.visitor().get('/')
  expect(given(page.setCookies, 'messages')).toHaveLength(1)
  expect(page.headers).toMatchObject({ vary: 'Cookie', 'cache-control': 'max-age=600, private' })
})
