import express from 'express'
import { type PlainResponse, SessionSealed, sojourn } from 'sojourn'
import { memoryEngine } from 'sojourn/engines/memory'
import { sojourn as onExpress } from 'sojourn/express'
import { sojourn as onNode } from 'sojourn/node'
import { Client, serve, watched } from 'sojourn/testing'
import { describe, expect, test } from 'vitest'
import { guard } from '../../src/core/guard.js'

test.each([{}, { delay: 2 }])(
  'an answer that is whole leaves, though its page fails afterwards (%o)',
  async (watching) => {
    const site = sojourn({
      secretKey: 'a secret of the tests, of more than fifty characters in all',
      databases: { default: 'sqlite::memory:' },
      sessionEngine: watched(memoryEngine(), watching),
    })
    const failures: unknown[] = []
    site.on('request_failed', ({ error }) => failures.push(error))
    const bug = new Error('the page failed, as it was asked to')
    const served = await serve(
      onNode(site).handle(async (request, response) => {
        const visits = Number(request.session.get('visits', 0)) + 1
        request.session.visits = visits
        response.end(`visit ${visits}`)
        throw bug
      }),
    )
    const client = new Client(served.origin)
    try {
      expect((await client.get('/')).text).toBe('visit 1')
      expect((await client.get('/')).text).toBe('visit 2')
      expect(failures).toEqual([bug, bug])
    } finally {
      client.close()
      await served.close()
      await site.close()
    }
  },
)

test('what is written after the end of a held answer is told to its callback, and ends no process', async () => {
  const site = sojourn({
    secretKey: 'a secret of the tests, of more than fifty characters in all',
    databases: { default: 'sqlite::memory:' },
    sessionEngine: watched(memoryEngine(), { delay: 2 }),
  })
  const errors: unknown[] = []
  const told: unknown[] = []
  const served = await serve(
    onNode(site).handle((request, response) => {
      request.session.a = 1
      response.on('error', (error) => errors.push(error))
      response.end('first')
      response.write('second', (error) => told.push((error as { code?: string } | null)?.code))
      response.end('third')
    }),
  )
  const client = new Client(served.origin)
  try {
    expect((await client.get('/')).text).toBe('first')
    expect((await client.get('/')).text).toBe('first')
    expect([errors, told]).toEqual([[], ['ERR_STREAM_WRITE_AFTER_END', 'ERR_STREAM_WRITE_AFTER_END']])
  } finally {
    client.close()
    await served.close()
    await site.close()
  }
})

test('what a page says of its status while the head is held comes too late', async () => {
  const site = sojourn({
    secretKey: 'a secret of the tests, of more than fifty characters in all',
    databases: { default: 'sqlite::memory:' },
    sessionEngine: watched(memoryEngine(), { delay: 2 }),
  })
  const served = await serve(
    onNode(site).handle((request, response) => {
      request.session.a = 1
      response.statusCode = 201
      response.statusMessage = 'Made'
      response.end('made')
      response.statusCode = 500
      response.statusMessage = 'Broken'
    }),
  )
  try {
    const { status, statusText } = await fetch(served.origin)
    expect([status, statusText]).toEqual([201, 'Made'])
  } finally {
    await served.close()
    await site.close()
  }
})

describe.each([
  ['at once', (answer: PlainResponse) => answer],
  ['later', async (answer: PlainResponse) => answer],
])('an answer that is made %s', (_, made) => {
  const bad = { status: 403, headers: { 'X-Reason': 'a line\n' }, body: 'refused' }
  const settings = {
    secretKey: 'a secret of the tests, of more than fifty characters in all',
    sessionEngine: 'memory',
    csrfFailureView: () => made(bad) as PlainResponse,
  } as const

  test('and cannot be sent is a failure on node:http, and nobody waits for it', async () => {
    const sessions = onNode(settings)
    const failures: unknown[] = []
    sessions.site.on('request_failed', ({ error }) => failures.push(error))
    const served = await serve(sessions.handle((_request, response) => response.end('page')))
    try {
      const answer = await fetch(served.origin, { method: 'POST' })
      expect([answer.status, (await answer.text()).includes('Server error')]).toEqual([500, true])
      expect(failures).toMatchObject([{ code: 'ERR_INVALID_CHAR' }])
    } finally {
      await served.close()
      await sessions.site.close()
    }
  })

  test('and cannot be sent is an error of the app on Express, a guard’s too', async () => {
    const sessions = onExpress(settings)
    const app = express().use('/guarded', guard(() => made(bad)) as express.RequestHandler, sessions)
    app.use(sessions, ((error, _request, response, _next) => {
      response.status(500).send(error.code)
    }) as express.ErrorRequestHandler)
    const served = await serve(app)
    try {
      for (const path of ['/', '/guarded']) {
        const answer = await fetch(served.origin + path, { method: 'POST' })
        expect([answer.status, await answer.text()]).toEqual([500, 'ERR_INVALID_CHAR'])
      }
    } finally {
      await served.close()
      await sessions.site.close()
    }
  })
})

test('where no framework catches what comes behind a middleware that had to wait, it is a failure as well', async () => {
  const site = sojourn({
    secretKey: 'a secret of the tests, of more than fifty characters in all',
    databases: { default: 'sqlite::memory:' },
    sessionEngine: watched(memoryEngine(), { delay: 2 }),
  })
  const failures: unknown[] = []
  site.on('request_failed', ({ error }) => failures.push(error))
  const sessions = onNode(site)
  const bug = new Error('the page failed, as it was asked to')
  const served = await serve((request, response) => {
    sessions(request, response, () => {
      throw bug
    })
  })
  try {
    const answer = await fetch(served.origin, { headers: { Cookie: `sessionid=${'a'.repeat(32)}` } })
    expect([answer.status, failures]).toEqual([500, [bug]])
  } finally {
    await served.close()
    await site.close()
  }
})

test('nor where it comes behind a guard that had to wait', async () => {
  const sessions = onNode({
    secretKey: 'a secret of the tests, of more than fifty characters in all',
    sessionEngine: 'memory',
  })
  const failures: unknown[] = []
  sessions.site.on('request_failed', ({ error }) => failures.push(error))
  const bug = new Error('the page failed, as it was asked to')
  const pass = guard(async () => null)
  const served = await serve((request, response) => {
    sessions(request, response, () => {
      pass(request, response, () => {
        throw bug
      })
    })
  })
  try {
    expect([(await fetch(served.origin)).status, failures]).toEqual([500, [bug]])
  } finally {
    await served.close()
    await sessions.site.close()
  }
})

test('where the head has left before sojourn begins, the session can be read, and a write is refused instead of lost', async () => {
  const sessions = onNode({
    secretKey: 'a secret of the tests, of more than fifty characters in all',
    sessionEngine: 'memory',
  })
  const page = sessions.handle((request, response) => {
    const { session } = request
    if (request.url === '/write') session.a = 1
    else if (request.url === '/late') expect(() => session.set('a', 2)).toThrow(SessionSealed)
    response.end(String(session.get('a')))
  })
  const served = await serve((request, response) => {
    if (request.url === '/late') response.flushHeaders()
    page(request, response)
  })
  const client = new Client(served.origin)
  try {
    for (const path of ['/write', '/late', '/read']) expect((await client.get(path)).text).toBe('1')
  } finally {
    client.close()
    await served.close()
    await sessions.site.close()
  }
})

test('of an answer that is dropped stays what stood in its head before sojourn, and nothing of the page', async () => {
  const engine = watched(memoryEngine(), { delay: 2 })
  const sessions = onNode({
    secretKey: 'a secret of the tests, of more than fifty characters in all',
    databases: { default: 'sqlite::memory:' },
    sessionEngine: engine,
  })
  sessions.site.on('request_failed', () => undefined)
  engine.fail = ['create']
  const page = sessions.handle((request, response) => {
    request.session.a = 1
    response.setHeader('X-Frame-Options', 'SAMEORIGIN')
    response.removeHeader('X-Taken')
    response.appendHeader('Set-Cookie', 'of=the-page')
    response.setHeader('X-Page', 'yes')
    response.end('page')
  })
  const served = await serve((request, response) => {
    response.setHeader('X-Frame-Options', 'DENY')
    response.setHeader('X-Taken', 'yes')
    response.setHeader('Set-Cookie', ['theme=dark'])
    page(request, response)
  })
  try {
    const { status, headers } = await fetch(served.origin)
    expect([status, headers.get('x-frame-options'), headers.get('x-taken')]).toEqual([503, 'DENY', 'yes'])
    expect([headers.get('x-page'), headers.getSetCookie()]).toEqual([null, ['theme=dark']])
  } finally {
    await served.close()
    await sessions.site.close()
  }
})

test('what a page said of its body does not hold for the one that tells of its failure', async () => {
  const sessions = onNode({
    secretKey: 'a secret of the tests, of more than fifty characters in all',
    sessionEngine: 'memory',
  })
  sessions.site.on('request_failed', () => undefined)
  const served = await serve(
    sessions.handle((_request, response) => {
      response.setHeader('Content-Length', 4)
      response.setHeader('Content-Encoding', 'gzip')
      response.setHeader('X-Page', 'yes')
      throw new Error('the page failed, as it was asked to')
    }),
  )
  try {
    const answer = await fetch(served.origin)
    expect(await answer.text()).toContain('</html>')
    expect([answer.status, answer.headers.get('x-page')]).toEqual([500, 'yes'])
  } finally {
    await served.close()
    await sessions.site.close()
  }
})
