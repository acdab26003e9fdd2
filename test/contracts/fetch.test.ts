import { getSession, sojourn } from 'sojourn'
import { memoryEngine } from 'sojourn/engines/memory'
import { sojourn as onFetch } from 'sojourn/fetch'
import { watched } from 'sojourn/testing'
import { describe, expect, test } from 'vitest'

function siteOn(engine: ReturnType<typeof watched>): ReturnType<typeof sojourn> {
  const site = sojourn({
    secretKey: 'a secret of the tests, of more than fifty characters in all',
    databases: { default: 'sqlite::memory:' },
    sessionEngine: engine,
  })
  site.on('request_failed', () => undefined)
  return site
}

test.each([{}, { delay: 2 }])('the body of an answer that is not sent is cancelled (%o)', async (watching) => {
  const engine = watched(memoryEngine(), watching)
  engine.fail = ['create']
  let cancelled = false
  const handler = onFetch(siteOn(engine))(async (request) => {
    const session = await getSession(request)
    session.a = 1
    return new Response(new ReadableStream({ cancel: () => void (cancelled = true) }))
  })
  const response = await handler(new Request('http://localhost/'))
  expect(response.status).toBe(503)
  expect(cancelled).toBe(true)
})

test('wrapped twice: one scope, one cookie, one create', async () => {
  const engine = watched(memoryEngine(), { delay: 2 })
  const withSession = onFetch(siteOn(engine))
  const handler = withSession(
    withSession(async (request) => {
      const session = await getSession(request)
      session.a = 1
      return new Response('page')
    }),
  )
  const response = await handler(new Request('http://localhost/'))
  expect(response.headers.getSetCookie()).toHaveLength(1)
  expect(engine.asked).toEqual(['create'])
})

test('a response whose headers cannot be changed gets its cookie all the same', async () => {
  const handler = onFetch(siteOn(watched(memoryEngine())))(async (request) => {
    const session = await getSession(request)
    session.a = 1
    return Response.redirect('http://localhost/next', 302)
  })
  const response = await handler(new Request('http://localhost/'))
  expect(response.status).toBe(302)
  expect(response.headers.get('location')).toBe('http://localhost/next')
  expect(response.headers.getSetCookie()).toHaveLength(1)
})

describe('a request that becomes a WebSocket', () => {
  test('by no answer at all (Bun): the session is stored, and nothing fails', async () => {
    const engine = watched(memoryEngine())
    const site = siteOn(engine)
    const failures: unknown[] = []
    site.on('request_failed', ({ error }) => failures.push(error))
    const handler = onFetch(site)(async (request) => {
      const session = await getSession(request)
      session.a = 1
      if (request.headers.has('upgrade')) return undefined
      return new Response('page')
    })
    expect(await handler(new Request('http://localhost/', { headers: { upgrade: 'websocket' } }))).toBeUndefined()
    expect([engine.asked, failures]).toEqual([['create'], []])
  })

  test.each(['webSocket', 'crossws'])(
    'by a response with %s: that very response leaves, with the cookie',
    async (name) => {
      const answer = Object.assign(new Response(null), { [name]: {} })
      const handler = onFetch(siteOn(watched(memoryEngine())))(async (request) => {
        const session = await getSession(request)
        session.a = 1
        return answer
      })
      expect(await handler(new Request('http://localhost/'))).toBe(answer)
      expect(answer.headers.getSetCookie()).toHaveLength(1)
    },
  )

  test('by a response whose headers cannot be changed: that very response leaves', async () => {
    const engine = watched(memoryEngine())
    const answer = Object.assign(Response.redirect('http://localhost/next', 302), { webSocket: {} })
    const handler = onFetch(siteOn(engine))(async (request) => {
      const session = await getSession(request)
      session.a = 1
      return answer
    })
    expect(await handler(new Request('http://localhost/'))).toBe(answer)
    expect(engine.asked).toEqual(['create'])
  })

  test('a response of workerd’s that says of itself that it has no socket is one like any other', async () => {
    const answer = Object.assign(new Response('page'), { webSocket: null })
    const handler = onFetch(siteOn(watched(memoryEngine())))(async (request) => {
      const session = await getSession(request)
      session.a = 1
      return answer
    })
    const response = await handler(new Request('http://localhost/'))
    expect([response.headers.getSetCookie().length, answer.headers.getSetCookie().length]).toEqual([1, 0])
  })
})
