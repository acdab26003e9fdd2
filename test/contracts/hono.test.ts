import { getRequestListener } from '@hono/node-server'
import { type Context, Hono } from 'hono'
import { cors } from 'hono/cors'
import { etag } from 'hono/etag'
import { streamSSE } from 'hono/streaming'
import { getSession, type Site, SojournError, sojourn } from 'sojourn'
import { memoryEngine } from 'sojourn/engines/memory'
import { ensureCsrfCookie, getToken, guarded, loginRequired, sojourn as onHono } from 'sojourn/hono'
import { Client, type ClientResponse, type Served, serve, type WatchedEngine, watched } from 'sojourn/testing'
import { afterEach, beforeEach, describe, expect, test } from 'vitest'
import { scopeOf } from '../../src/core/scope.js'

const FORM = 'application/x-www-form-urlencoded'

describe.each([
  ['a store that answers at once', {}],
  ['a slow store', { delay: 2 }],
])('on %s', (_, watching) => {
  let engine: WatchedEngine
  let site: Site
  let served: Served | undefined
  let visitor: Client
  let failures: unknown[]

  beforeEach(() => {
    engine = watched(memoryEngine(), watching)
    site = sojourn({
      secretKey: 'a secret of the tests, of more than fifty characters in all',
      databases: { default: 'sqlite::memory:' },
      sessionEngine: engine,
      sessionPrefetch: ({ req }: Context) => req?.query('later') === undefined,
      dataUploadMaxMemorySize: 200_000,
    })
    failures = []
    site.on('request_failed', ({ error }) => failures.push(error))
  })
  afterEach(async () => {
    visitor?.close()
    await served?.close()
    await site.close()
  })

  async function open(app: Hono): Promise<Client> {
    served = await serve(getRequestListener(app.fetch))
    visitor = new Client(served.origin)
    return visitor
  }
  const sessions = () => onHono(site)
  const write = (c: Context): Response => {
    c.var.session.a = Number(c.var.session.get('a', 0)) + 1
    return c.text(`the page ${c.var.session.a}`)
  }

  test('the context and the raw request lead to the session that c.var.session is', async () => {
    const app = new Hono().use(sessions()).get('/', async (c) => {
      const found = await Promise.all([c, c.req.raw].map(getSession))
      return c.text(String([...found, c.get('session')].every((session) => session === c.var.session)))
    })
    expect((await (await open(app)).get('/')).text).toBe('true')
  })

  test('the visitor’s address is known on Node', async () => {
    const app = new Hono().use(sessions()).get('/', (c) => c.text(String(scopeOf(c).head.address)))
    expect((await (await open(app)).get('/')).text).toBe('127.0.0.1')
  })

  describe('a save that fails', () => {
    beforeEach(() => {
      engine.fail = ['create', 'save']
    })
    const page = (c: Context): Response => {
      c.var.session.a = 1
      c.header('X-Page', 'yes')
      c.status(201)
      return c.redirect('/next')
    }

    test('is a 503 with Retry-After where the app has no onError, and is told', async () => {
      await open(new Hono().use(sessions()).get('/', page))
      const response = await visitor.get('/')
      expect([response.status, response.text]).toEqual([503, 'Service Unavailable'])
      expect(response.headers['retry-after']).toBe('1')
      expect(response.headers['x-page'] ?? response.headers.location).toBeUndefined()
      expect(response.setCookies).toEqual([])
      expect(failures).toMatchObject([{ code: 'store_unavailable' }])
    })

    test('is seen by onError, whose page replaces the page whole and is no success', async () => {
      const app = new Hono().use(sessions()).get('/', page)
      app.onError((error, c) => c.text(error instanceof SojournError ? error.code : 'another'))
      await open(app)
      const response = await visitor.get('/')
      expect([response.status, response.text]).toEqual([503, 'store_unavailable'])
      expect(response.headers['x-page'] ?? response.headers.location).toBeUndefined()
    })

    test.each([
      ['Hono’s own', undefined],
      ['one made by the context', (_: Error, c: Context) => c.text('sorry', 500)],
      ['a response of its own', () => new Response('sorry', { status: 500 })],
    ])('leaves the visitor a key that changed before it: %s', async (_, onError) => {
      engine.fail = []
      const app = new Hono().use(sessions()).get('/', write)
      app.get('/replace', async (c) => {
        await c.var.session.cycleKey()
        return write(c)
      })
      if (onError !== undefined) app.onError(onError)
      await open(app)
      await visitor.get('/')
      const key = visitor.cookies.get('sessionid')
      engine.fail = ['save']
      const response = await visitor.get('/replace')
      expect([response.status, namesOf(response)]).toEqual([onError === undefined ? 503 : 500, ['sessionid']])
      expect(visitor.cookies.get('sessionid')).not.toBe(key)
      engine.fail = []
      expect((await visitor.get('/')).text).toBe('the page 2')
    })

    test.each<[string, (c: Context) => void]>([
      ['c.header', (c) => c.header('X-Above', 'yes')],
      ['c.res.headers', (c) => c.res.headers.set('X-Above', 'yes')],
    ])('keeps what middleware above has said by %s, and nothing of the page', async (_, say) => {
      const app = new Hono().use((c, next) => {
        say(c)
        return next()
      })
      app
        .use(cors({ origin: 'http://other.example', credentials: true }))
        .use(sessions())
        .get('/', page)
      await open(app)
      const response = await visitor.get('/', { headers: { Origin: 'http://other.example' } })
      expect(response.status).toBe(503)
      expect(response.headers).toMatchObject({
        'access-control-allow-origin': 'http://other.example',
        'access-control-allow-credentials': 'true',
        'x-above': 'yes',
      })
      expect(response.headers['x-page'] ?? response.headers.location).toBeUndefined()
      expect(response.setCookies).toEqual([])
    })

    test('cancels a body that nobody will read', async () => {
      let cancelled = false
      const app = new Hono().use(sessions()).get('/', (c) => {
        c.var.session.a = 1
        return c.body(new ReadableStream({ cancel: () => void (cancelled = true) }))
      })
      await open(app)
      expect((await visitor.get('/')).status).toBe(503)
      await expect.poll(() => cancelled).toBe(true)
    })
  })

  test('a store that fails in a page is a 503 with Retry-After as well', async () => {
    const app = new Hono().use(sessions()).get('/', async (c) => {
      const session = await getSession(c)
      return c.json([...session])
    })
    await open(app)
    visitor.cookies.set('sessionid', 'a'.repeat(32))
    engine.fail = ['load']
    const response = await visitor.get('/?later')
    expect([response.status, response.headers['retry-after']]).toEqual([503, '1'])
    expect(visitor.cookies.get('sessionid')).toBe('a'.repeat(32))
    expect(failures).toMatchObject([{ code: 'store_unavailable' }])
  })

  test('a page that throws keeps nothing, one that is not found is finished as well', async () => {
    const app = new Hono().use(sessions())
    app.use(async (c, next) => {
      c.var.session.a = 1
      await next()
    })
    app.get('/throw', () => {
      throw new Error('the page failed, as it was asked to')
    })
    app.onError((_, c) => c.text('failed', 500))
    await open(app)
    expect(namesOf(await visitor.get('/throw'))).toEqual([])
    const missing = await visitor.get('/nowhere')
    expect([missing.status, namesOf(missing)]).toEqual([404, ['sessionid']])
  })

  test('a guard sends its answer instead of the handler’s, and lets pass whom it may', async () => {
    const app = new Hono().use(sessions()).get('/', guarded(ensureCsrfCookie), write)
    app.get('/account', guarded(ensureCsrfCookie), guarded(loginRequired), write)
    await open(app)
    const refused = await visitor.get('/account?a=1')
    expect([refused.status, refused.headers.location]).toEqual([302, '/accounts/login/?next=/account%3Fa%3D1'])
    expect([engine.asked, namesOf(refused)]).toEqual([[], ['csrftoken']])
    expect((await visitor.get('/')).text).toBe('the page 1')
  })

  test('mounted twice, in an app below by route, and in one called with the same request: one scope, one cookie', async () => {
    const seen = new Set<unknown>()
    const count = (c: Context): number => {
      seen.add(c.var.session)
      const n = Number(c.var.session.get('n', 0)) + 1
      c.var.session.n = n
      return n
    }
    const called = new Hono().use(sessions()).get('/below/called', (c) => c.text(String(count(c))))
    const below = new Hono().use(sessions())
    below.use((c, next) => {
      count(c)
      return next()
    })
    below.get('/called', (c) => called.fetch(c.req.raw))
    below.onError((_, c) => c.text('failed below', 500))
    const app = new Hono().use(sessions()).use((c, next) => {
      count(c)
      return next()
    })
    app.use(sessions()).route('/below', below)
    await open(app)
    const response = await visitor.get('/below/called')
    expect([response.text, namesOf(response)]).toEqual(['3', ['sessionid']])
    expect(seen.size).toBe(1)
    expect(engine.asked).toEqual(['create'])
  })

  test('headers that other middleware sets afterwards, and cookies of the page, join ours', async () => {
    const app = new Hono()
    app.use(async (c, next) => {
      await next()
      c.header('X-After', 'yes')
    })
    app.use(sessions()).get('/', (c) => {
      c.var.session.a = 1
      c.header('Vary', 'Accept')
      c.header('Set-Cookie', 'theme=dark', { append: true })
      return c.html('<p>page</p>')
    })
    const response = await (await open(app)).get('/')
    expect(response.headers).toMatchObject({ vary: 'Accept, Cookie', 'x-after': 'yes', 'cache-control': 'private' })
    expect(namesOf(response)).toEqual(['theme', 'sessionid'])
    expect(response.headers['content-type']).toContain('text/html')
  })

  test('a page that etag, mounted below, finds unchanged brings a new key all the same', async () => {
    const app = new Hono().use(sessions()).use(etag()).get('/', write)
    app.get('/same', async (c) => {
      if (c.var.session.has('a')) await c.var.session.cycleKey()
      return c.text('the same page')
    })
    await open(app)
    await visitor.get('/')
    const { etag: tag } = (await visitor.get('/same')).headers
    const key = visitor.cookies.get('sessionid')
    const response = await visitor.get('/same', { headers: { 'If-None-Match': tag as string } })
    expect([response.status, namesOf(response)]).toEqual([304, ['sessionid']])
    expect(visitor.cookies.get('sessionid')).not.toBe(key)
    expect((await visitor.get('/')).text).toBe('the page 2')
  })

  test('a response that a page gives to all its visitors carries nobody’s cookie', async () => {
    const shared = new Response(null, { status: 204 })
    const app = new Hono().get('/plain', () => shared).use(sessions())
    app.get('/', (c) => {
      c.var.session.a = 1
      return shared
    })
    await open(app)
    await visitor.get('/')
    expect(shared.headers.get('set-cookie')).toBeNull()
    expect((await new Client(served?.origin as string).get('/plain')).setCookies).toEqual([])
  })

  test('a response by which the request becomes a WebSocket leaves as it is, with the cookie', async () => {
    const answer = Object.assign(new Response(null), { webSocket: {} })
    const app = new Hono().use(sessions()).get('/', (c) => {
      c.var.session.a = 1
      return answer
    })
    expect(await app.request('/')).toBe(answer)
    expect(answer.headers.getSetCookie()).toHaveLength(1)
    expect(engine.asked).toEqual(['create'])
  })

  describe('on @hono/node-server, an answer stays the text that it is until it is sent', () => {
    const pages: Record<string, (c: Context) => Response | Promise<Response>> = {
      text: (c) => c.text('page'),
      html: (c) => c.html('page'),
      json: (c) => c.json('page'),
      body: (c) => c.body('page'),
      'text with headers and a status': (c) => c.text('page', 201, { 'X-Page': 'yes' }),
    }
    test.each(Object.entries(pages))('%s', async (_, page) => {
      const app = new Hono().use(sessions()).get('/', (c) => {
        c.var.session.a = 1
        return page(c)
      })
      let sent: Response | undefined
      served = await serve(getRequestListener(async (request) => (sent = await app.fetch(request))))
      visitor = new Client(served.origin)
      const response = await visitor.get('/')
      expect([response.text, namesOf(response)]).toEqual([expect.stringContaining('page'), ['sessionid']])
      expect(response.headers).toMatchObject({ vary: 'Cookie', 'cache-control': 'private' })
      // Status, body and headers, as the server sends them at once; what is read of it otherwise is a stream.
      const kept = Object.getOwnPropertySymbols(sent).find(({ description }) => description === 'cache')
      const [, body] = Reflect.get(sent as object, kept as symbol) as unknown[]
      expect(body).toBeTypeOf('string')
    })
  })

  test('a text that a page gives to all its visitors carries nobody’s cookie', async () => {
    const shared = [new Response('page'), new Response('page', { headers: { Vary: 'Accept' } })]
    const app = new Hono().use(sessions())
    app.get('/:n', (c) => {
      c.var.session.a = 1
      return shared[Number(c.req.param('n'))] as Response
    })
    await open(app)
    for (const n of [0, 1]) {
      expect(namesOf(await visitor.get(`/${n}`))).toEqual(['sessionid'])
      expect(shared[n]?.headers.get('set-cookie')).toBeNull()
    }
  })

  test('streamed events leave with the session stored', async () => {
    const app = new Hono().use(sessions()).get('/', (c) => {
      c.var.session.a = 1
      return streamSSE(c, (stream) => stream.writeSSE({ data: 'hello' }))
    })
    const response = await (await open(app)).get('/')
    expect([response.text, namesOf(response)]).toEqual(['data: hello\n\n', ['sessionid']])
    expect(engine.asked).toEqual(['create'])
  })

  test('more cookies than anybody should have to read are a 431', async () => {
    const app = new Hono().use(sessions()).get('/', write)
    const headers = { Cookie: 'x'.repeat(17_000) }
    expect((await app.request('/', { headers })).status).toBe(431)
  })

  describe('a form', () => {
    const send = (body: string, path = '/'): Promise<ClientResponse> =>
      visitor.request('POST', path, { body, headers: { 'Content-Type': FORM } })
    const readings: Record<string, (c: Context) => Promise<unknown>> = {
      parseBody: async (c) => (await c.req.parseBody()).text,
      formData: async (c) => (await c.req.formData()).get('text'),
      text: async (c) => new URLSearchParams(await c.req.text()).get('text'),
      'the raw request': async (c) => new URLSearchParams(await c.req.raw.text()).get('text'),
    }

    test.each(Object.entries(readings))('is read for its token and left to the page: %s', async (_, read) => {
      const app = new Hono().use(sessions()).get('/', (c) => c.text(getToken(c)))
      app.post('/', async (c) => c.text(String(await read(c))))
      const token = (await (await open(app)).get('/')).text
      expect((await send(`csrfmiddlewaretoken=${token}&text=yes`)).text).toBe('yes')
      expect((await send('csrfmiddlewaretoken=wrong&text=yes')).status).toBe(403)
      expect((await send(`text=${'x'.repeat(200_000)}`)).status).toBe(400)
    })

    test('that a middleware before has read by the context is found there; one read past it is a 400', async () => {
      const app = new Hono()
      app.use(async (c, next) => {
        const read = readings[c.req.query('by') ?? '']
        await read?.(c)
        await next()
      })
      app.use(sessions()).get('/', (c) => c.text(getToken(c)))
      app.post('/', async (c) => c.text(String((await c.req.parseBody()).text)))
      const token = (await (await open(app)).get('/')).text
      for (const by of ['parseBody', 'formData', 'text']) {
        expect((await send(`csrfmiddlewaretoken=${token}&text=yes`, `/?by=${by}`)).text).toBe('yes')
        expect((await send('csrfmiddlewaretoken=wrong&text=yes', `/?by=${by}`)).status).toBe(403)
      }
      const past = await send(`csrfmiddlewaretoken=${token}`, '/?by=the raw request')
      expect([past.status, past.text]).toEqual([400, expect.stringContaining('come first')])
    })
  })
})

function namesOf(response: ClientResponse): string[] {
  return response.setCookies.map((line) => line.slice(0, line.indexOf('=')))
}
