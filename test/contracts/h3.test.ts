import {
  appendCorsHeaders,
  defineWebSocketHandler,
  H3,
  type H3Event,
  HTTPError,
  HTTPResponse,
  onError,
  readBody,
  toNodeHandler,
} from 'h3'
import { getSession, type Site, sojourn } from 'sojourn'
import { memoryEngine } from 'sojourn/engines/memory'
import { ensureCsrfCookie, getToken, guarded, loginRequired, sojourn as onH3 } from 'sojourn/h3'
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

  beforeEach(() => {
    engine = watched(memoryEngine(), watching)
    site = sojourn({
      secretKey: 'a secret of the tests, of more than fifty characters in all',
      databases: { default: 'sqlite::memory:' },
      sessionEngine: engine,
      dataUploadMaxMemorySize: 200_000,
    })
  })
  afterEach(async () => {
    visitor?.close()
    await served?.close()
    await site.close()
  })

  async function open(app: H3): Promise<Client> {
    served = await serve(toNodeHandler(app) as Parameters<typeof serve>[0])
    visitor = new Client(served.origin)
    return visitor
  }
  const sessions = () => onH3(site)
  const quiet = (): H3 => new H3({ silent: true })
  const count = ({ context: { session } }: H3Event): number => {
    const n = Number(session.get('n', 0)) + 1
    session.n = n
    return n
  }

  test('the event and its request lead to the session that event.context.session is', async () => {
    const app = quiet().use(sessions())
    app.get('/', async (event) => {
      const found = await Promise.all([event, event.req].map(getSession))
      return String(found.every((session) => session === event.context.session))
    })
    expect((await (await open(app)).get('/')).text).toBe('true')
  })

  test('the visitor’s address is known on Node', async () => {
    const app = quiet().use(sessions())
    app.get('/', (event) => String(scopeOf(event).head.address))
    expect((await (await open(app)).get('/')).text).toBe('127.0.0.1')
  })

  test.each<[string, (event: H3Event) => unknown, string]>([
    ['a text', () => 'page', 'page'],
    ['JSON', () => ({ page: 1 }), '{"page":1}'],
    ['nothing', () => null, ''],
    ['bytes', () => new TextEncoder().encode('page'), 'page'],
    ['a stream', () => new Blob(['page']).stream(), 'page'],
    ['a Response', () => new Response('page', { headers: { Vary: 'Accept' } }), 'page'],
    ['an HTTPResponse', () => new HTTPResponse('page', { headers: { Vary: 'Accept' } }), 'page'],
  ])('%s leaves with the session stored, and with what the page said of its head', async (_, page, text) => {
    const app = quiet().use(sessions())
    app.get('/', (event) => {
      count(event)
      event.res.headers.set('Cache-Control', 'public, max-age=60')
      event.res.headers.append('Set-Cookie', 'theme=dark')
      return page(event)
    })
    const response = await (await open(app)).get('/')
    expect([response.status, response.text]).toEqual([200, text])
    expect(response.headers['cache-control']).toBe('max-age=60, private')
    expect(response.headers.vary).toMatch(/^(?:Accept, )?Cookie$/)
    expect(namesOf(response).sort()).toEqual(['sessionid', 'theme'])
    expect(engine.asked).toEqual(['create'])
  })

  describe('a save that fails', () => {
    beforeEach(() => {
      engine.fail = ['create', 'save']
    })

    test('is h3’s own error with 503 and Retry-After, and nothing of the page', async () => {
      const app = quiet().use(sessions())
      app.get('/', (event) => {
        count(event)
        event.res.status = 201
        event.res.headers.set('X-Page', 'yes')
        return 'the answer of the handler'
      })
      const response = await (await open(app)).get('/')
      expect([response.status, response.headers['retry-after']]).toEqual([503, '1'])
      expect(response.json()).toMatchObject({ status: 503 })
      expect([response.headers['x-page'], response.setCookies]).toEqual([undefined, []])
    })

    test.each<[string, (event: H3Event) => unknown]>([
      ['answers', () => 'the answer of the handler'],
      ['answers with a Response', () => new Response('the answer of the handler')],
      ['is not found', () => HTTPError.status(404)],
    ])('keeps what middleware above has said for errors, after a page that %s', async (_, page) => {
      const app = quiet()
      app.use((event) => appendCorsHeaders(event, { origin: '*' }))
      app.use(sessions())
      app.get('/', (event) => {
        count(event)
        return page(event)
      })
      const response = await (await open(app)).get('/', { headers: { Origin: 'http://other.example' } })
      expect([response.status, response.headers['access-control-allow-origin']]).toEqual([503, '*'])
      expect(response.json()).toMatchObject({ status: 503 })
    })

    test('is seen by the app’s onError, and a key that changed before it goes with that page', async () => {
      engine.fail = []
      const errors: unknown[] = []
      const app = new H3({
        silent: true,
        onError(error) {
          errors.push(error.cause)
          return new Response('sorry', { status: error.status })
        },
      })
      app.use(sessions())
      app.get('/', (event) => String(count(event)))
      app.get('/replace', async (event) => {
        await event.context.session.cycleKey()
        return String(count(event))
      })
      await open(app)
      await visitor.get('/')
      const key = visitor.cookies.get('sessionid')
      engine.fail = ['save']
      const response = await visitor.get('/replace')
      expect([response.status, response.text, response.headers['retry-after']]).toEqual([503, 'sorry', '1'])
      expect(namesOf(response)).toEqual(['sessionid'])
      expect(visitor.cookies.get('sessionid')).not.toBe(key)
      expect(errors).toMatchObject([{ code: 'store_unavailable' }])
      engine.fail = []
      expect((await visitor.get('/')).text).toBe('2')
    })
  })

  test('an error that a page throws or returns keeps changes below 500 only, and so does a page that is not there', async () => {
    const app = quiet().use(sessions())
    app.use((event) => void count(event))
    app.get('/throw/:status', (event) => {
      throw HTTPError.status(Number(event.context.params?.status))
    })
    app.get('/return/:status', (event) => HTTPError.status(Number(event.context.params?.status)))
    await open(app)
    for (const path of ['/throw/500', '/return/500']) {
      const response = await visitor.get(path)
      expect([response.status, response.setCookies]).toEqual([500, []])
    }
    for (const path of ['/throw/404', '/return/409', '/nowhere']) {
      const response = await new Client(served?.origin as string).get(path)
      expect(response.status).toBeGreaterThanOrEqual(404)
      expect(namesOf(response)).toEqual(['sessionid'])
    }
  })

  test('the app’s onError is asked once for what a page throws, returns as an error, or is not there', async () => {
    const seen: unknown[] = []
    const app = new H3({
      silent: true,
      onError(error) {
        seen.push(error.status)
        return 'a page of the app'
      },
    })
    app.use(sessions())
    app.get('/throw', () => {
      throw new HTTPError({ status: 400 })
    })
    app.get('/return', () => new HTTPError({ status: 401 }))
    await open(app)
    for (const path of ['/throw', '/return', '/nowhere']) {
      expect((await visitor.get(path)).text).toBe('a page of the app')
    }
    expect(seen).toEqual([400, 401, 404])
  })

  test('onError mounted after it sees what pages throw', async () => {
    const app = quiet().use(sessions())
    app.use(onError((error) => `seen: ${error.message}`))
    app.get('/', () => {
      throw new HTTPError({ status: 418, message: 'teapot' })
    })
    expect((await (await open(app)).get('/')).text).toBe('seen: teapot')
  })

  test('a guard sends its answer instead of the handler’s, and lets pass whom it may', async () => {
    const app = quiet().use(sessions())
    app.get('/', (event) => String(count(event)), { middleware: [guarded(ensureCsrfCookie)] })
    const middleware = [guarded(ensureCsrfCookie), guarded(loginRequired)]
    app.get('/account', (event) => String(count(event)), { middleware })
    await open(app)
    const refused = await visitor.get('/account?a=1')
    expect([refused.status, refused.headers.location]).toEqual([302, '/accounts/login/?next=/account%3Fa%3D1'])
    expect([engine.asked, namesOf(refused)]).toEqual([[], ['csrftoken']])
    expect((await visitor.get('/')).text).toBe('1')
  })

  test('mounted twice, and in an app below: one scope, one cookie, one create', async () => {
    const seen = new Set<unknown>()
    const below = new H3().use(sessions())
    below.get('/page', (event) => {
      seen.add(event.context.session)
      return String(count(event))
    })
    const fetched = new H3().use(sessions())
    fetched.get('/page', (event) => String(count(event)))
    const app = quiet().use(sessions())
    app.use((event) => {
      seen.add(event.context.session)
      count(event)
    })
    app.use(sessions()).mount('/below', below).mount('/fetched', fetched.fetch)
    await open(app)
    const response = await visitor.get('/below/page')
    expect([response.text, namesOf(response)]).toEqual(['2', ['sessionid']])
    expect(seen.size).toBe(1)
    expect(engine.asked).toEqual(['create'])
    expect((await visitor.get('/fetched/page')).text).toBe('4')
    expect(engine.asked).toEqual(['create', 'load', 'save'])
  })

  test('a response that a page gives to all its visitors carries nobody’s cookie', async () => {
    const [page, failure] = [new Response(null, { status: 204 }), new Response(null, { status: 404 })]
    const app = new H3({ silent: true, onError: () => failure }).use(sessions())
    app.use((event) => void count(event))
    app.get('/', () => page)
    app.get('/throw', () => {
      throw new HTTPError({ status: 404 })
    })
    await open(app)
    expect(namesOf(await visitor.get('/'))).toEqual(['sessionid'])
    expect(namesOf(await visitor.get('/throw'))).toEqual(['sessionid'])
    expect([page, failure].map(({ headers }) => headers.get('set-cookie'))).toEqual([null, null])
  })

  test('what crossws needs of a request that becomes a WebSocket is still there', async () => {
    const app = quiet().use(sessions())
    app.use((event) => void count(event))
    const hooks = { open: () => undefined }
    app.get('/', defineWebSocketHandler(hooks))
    const answer = await app.request('/')
    expect(answer).toMatchObject({ status: 426, crossws: hooks })
    expect(engine.asked).toEqual(['create'])
  })

  test('more cookies than anybody should have to read are a 431', async () => {
    const app = quiet().use(sessions())
    app.get('/', () => 'page')
    expect((await app.request('/', { headers: { Cookie: 'x'.repeat(17_000) } })).status).toBe(431)
  })

  test.each<[string, (event: H3Event) => Promise<unknown>]>([
    ['readBody', async (event) => (await readBody<{ text: string }>(event))?.text],
    ['formData', async (event) => (await event.req.formData()).get('text')],
    ['text', async (event) => new URLSearchParams(await event.req.text()).get('text')],
  ])('a form is read for its token and left to the page: %s', async (_, read) => {
    const app = quiet().use(sessions())
    app.get('/', (event) => getToken(event))
    app.post('/', async (event) => String(await read(event)))
    const token = (await (await open(app)).get('/')).text
    const send = (body: string): Promise<ClientResponse> =>
      visitor.request('POST', '/', { body, headers: { 'Content-Type': FORM } })
    expect((await send(`csrfmiddlewaretoken=${token}&text=yes`)).text).toBe('yes')
    expect((await send('csrfmiddlewaretoken=wrong&text=yes')).status).toBe(403)
    expect((await send(`text=${'x'.repeat(200_000)}`)).status).toBe(400)
  })
})

function namesOf(response: ClientResponse): string[] {
  return response.setCookies.map((line) => line.slice(0, line.indexOf('=')))
}
