import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import type { ServerResponse } from 'node:http'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { brotliDecompressSync, gunzipSync } from 'node:zlib'
import compression from 'compression'
import cookieSession from 'cookie-session'
import express, { type ErrorRequestHandler, type RequestHandler } from 'express'
import expressSession from 'express-session'
import express4 from 'express4'
import type { Site } from 'sojourn'
import { sojourn } from 'sojourn'
import { memoryEngine } from 'sojourn/engines/memory'
import { sojourn as sojournForExpress } from 'sojourn/express'
import { Client, type ClientResponse, type Served, serve, type WatchedEngine, watched } from 'sojourn/testing'
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test } from 'vitest'

const PAGE = 'A page that is long enough to be worth compressing. '.repeat(100)

let folder: string
beforeAll(() => {
  folder = mkdtempSync(join(tmpdir(), 'sojourn-express-'))
  writeFileSync(join(folder, 'page.txt'), PAGE)
})
afterAll(() => rmSync(folder, { recursive: true }))

const OPTIONS = { secret: 'a secret', resave: false, saveUninitialized: false }
const SETTINGS = {
  secretKey: 'a secret of the tests, of more than fifty characters in all',
  middleware: ['sessions'],
  sessionEngine: 'memory',
} as const
const theirs = (): RequestHandler => cookieSession({ keys: ['a key'], name: 'theirs', maxAge: 1000 }) as RequestHandler
const without: RequestHandler = (request, _response, next) => {
  request.session = null as never
  next()
}

describe.each([
  ['Express 4', express4 as unknown as typeof express],
  ['Express 5', express],
])('%s', (_, make) => {
  describe.each([
    ['a store that answers at once', {}],
    ['a slow store', { delay: 2 }],
  ])('on %s', (_, watching) => {
    let engine: WatchedEngine
    let site: Site
    let served: Served
    let visitor: Client

    beforeEach(() => {
      engine = watched(memoryEngine(), watching)
      site = sojourn({
        secretKey: 'a secret of the tests, of more than fifty characters in all',
        databases: { default: 'sqlite::memory:' },
        middleware: ['sessions'],
        sessionEngine: engine,
      })
      site.on('request_failed', () => undefined)
    })
    afterEach(async () => {
      visitor.close()
      await served.close()
      await site.close()
    })

    /** Mounts these in this order and serves them. */
    async function open(...handlers: readonly RequestHandler[]): Promise<Client> {
      const app = make()
      for (const handler of handlers) app.use(handler)
      served = await serve(app)
      visitor = new Client(served.origin)
      return visitor
    }
    const sessions = (): RequestHandler => sojournForExpress(site)

    test('res.sendFile sends the file, and the session is stored before its first byte', async () => {
      await open(sessions(), (request, response) => {
        request.session.a = 1
        response.sendFile(join(folder, 'page.txt'))
      })
      const response = await visitor.get('/')
      expect(response.text).toBe(PAGE)
      expect(response.headers['content-length']).toBe(String(PAGE.length))
      keptOnce(response)
      expect(engine.asked).toEqual(['create'])
    })

    test('a part of a file is a 206', async () => {
      await open(sessions(), (request, response) => {
        request.session.a = 1
        response.sendFile(join(folder, 'page.txt'))
      })
      const response = await visitor.get('/', { headers: { Range: 'bytes=0-5' } })
      expect(response.status).toBe(206)
      expect(response.text).toBe('A page')
      keptOnce(response)
    })

    test('a fresh ETag is a 304, with the session stored', async () => {
      await open(sessions(), (request, response) => {
        request.session.a = Number(request.session.get('a', 0)) + 1
        response.send(PAGE)
      })
      const first = await visitor.get('/')
      const { etag = '' } = first.headers
      const second = await visitor.get('/', { headers: { 'If-None-Match': etag } })
      expect(second.status).toBe(304)
      expect(second.text).toBe('')
      keptOnce(second)
      expect(engine.asked).toEqual(['create', 'load', 'save'])
    })

    test('HEAD gets the headers of GET, and no body', async () => {
      await open(sessions(), (request, response) => {
        request.session.a = 1
        response.send(PAGE)
      })
      const response = await visitor.request('HEAD', '/')
      expect(response.headers['content-length']).toBe(String(PAGE.length))
      expect(response.bytes).toHaveLength(0)
      keptOnce(response)
    })

    test('res.locals.request is the request, for templates', async () => {
      await open(sessions(), (request, response) => {
        response.send(String(response.locals.request === request))
      })
      expect((await visitor.get('/')).text).toBe('true')
    })

    describe.each(['gzip', 'br'])('compression by %s', (encoding) => {
      const decode = (response: ClientResponse): string => {
        expect(response.headers['content-encoding']).toBe(encoding)
        return (encoding === 'gzip' ? gunzipSync(response.bytes) : brotliDecompressSync(response.bytes)).toString()
      }
      const answers: readonly [string, RequestHandler][] = [
        ['res.send', (_, response) => void response.send(PAGE)],
        ['res.write and res.end', (_, response) => void pieces(response)],
        ['res.sendFile', (_, response) => response.sendFile(join(folder, 'page.txt'))],
      ]
      test.each(answers)('mounted before and after sojourn, %s arrives whole, with its cookie', async (_, answer) => {
        const touch: RequestHandler = (request, _response, next) => {
          request.session.a = 1
          next()
        }
        const orders = [
          [compression(), sessions(), touch, answer],
          [sessions(), compression(), touch, answer],
          // The head is held already when compression comes.
          [sessions(), touch, compression(), answer],
        ]
        for (const order of orders) {
          await open(...order)
          const response = await visitor.get('/', { headers: { 'Accept-Encoding': encoding } })
          expect(decode(response)).toBe(PAGE)
          keptOnce(response)
          visitor.close()
          await served.close()
        }
      })

      test('a save that fails is a 503 that can be read, wherever compression is', async () => {
        const touch: RequestHandler = (request, _response, next) => {
          request.session.a = 1
          next()
        }
        const orders = [
          [compression(), sessions(), touch],
          [sessions(), compression(), touch],
          [sessions(), touch, compression()],
        ]
        engine.fail = ['create']
        for (const order of orders) {
          for (const [, answer] of answers) {
            await open(...order, answer)
            const response = await visitor.get('/', { headers: { 'Accept-Encoding': encoding } })
            expect(response.status).toBe(503)
            expect(response.headers['retry-after']).toBe('1')
            expect(response.setCookies).toEqual([])
            expect(response.text).not.toContain('worth compressing')
            visitor.close()
            await served.close()
          }
        }
      })
    })

    test('the error page of the app answers a save that failed', async () => {
      const app = make()
      app.use(sessions())
      app.get('/', (request, response) => {
        request.session.a = 1
        response.set('X-Page', 'yes').send('the answer of the handler')
      })
      app.use(((error, _request, response, _next) => {
        // Later, as a template that is read from a file is.
        setTimeout(() => response.status(error.status).send(`sorry: ${error.code}`), 1)
      }) satisfies express.ErrorRequestHandler)
      engine.fail = ['create']
      await open(app as RequestHandler)
      const response = await visitor.get('/')
      expect([response.status, response.text]).toEqual([503, 'sorry: store_unavailable'])
      expect(response.headers['x-page']).toBeUndefined()
    })

    test('it does so too where the page writes its head by itself', async () => {
      const app = make()
      app.use(sessions())
      app.get('/', (request, response) => {
        request.session.a = 1
        response.writeHead(201, { 'X-Page': 'yes' })
        response.end('the answer of the handler')
      })
      app.use(
        ((error, _request, response, _next) =>
          void response.send(`sorry: ${error.code}`)) satisfies express.ErrorRequestHandler,
      )
      engine.fail = ['create']
      await open(app as RequestHandler)
      const response = await visitor.get('/')
      expect([response.status, response.text]).toEqual([503, 'sorry: store_unavailable'])
      expect(response.headers['x-page']).toBeUndefined()
    })

    test('an error page that sets no status does not make a success of a save that failed', async () => {
      const app = make()
      app.use(sessions())
      app.get('/', (request, response) => {
        request.session.a = 1
        response.status(201).send('the answer of the handler')
      })
      app.use(
        ((_error, _request, response, _next) => void response.send('sorry')) satisfies express.ErrorRequestHandler,
      )
      engine.fail = ['create']
      await open(app as RequestHandler)
      const response = await visitor.get('/')
      expect([response.status, response.text]).toEqual([503, 'sorry'])
    })

    test('every order of mounting sees the body, the file and the session, and sends one cookie', async () => {
      const form = express.urlencoded({ extended: false })
      const json = express.json()
      const files = express.static(folder)
      const page: RequestHandler = (request, response) => {
        request.session.name = (request.body as { name?: string } | undefined)?.name ?? null
        response.json({ name: request.session.name })
      }
      for (const order of orders([form, json, files, sessions()])) {
        await open(...order, page)
        const formed = await visitor.post('/', { name: 'Ann' })
        expect(formed.json()).toEqual({ name: 'Ann' })
        keptOnce(formed)
        const headers = { 'Content-Type': 'application/json' }
        const typed = await visitor.request('POST', '/', { headers, body: '{"name":"Ben"}' })
        expect(typed.json()).toEqual({ name: 'Ben' })
        keptOnce(typed)
        const file = await visitor.get('/page.txt')
        expect(file.text).toBe(PAGE)
        expect(file.setCookies).toEqual([])
        expect(file.headers.vary).toBeUndefined()
        visitor.close()
        await served.close()
      }
    })

    test.each<[string, () => RequestHandler[]]>([
      ['express-session before', () => [expressSession(OPTIONS) as RequestHandler, sessions()]],
      ['cookie-session before', () => [theirs(), sessions()]],
      ['cookie-session behind', () => [sessions(), theirs()]],
      ['a page that sets it to null', () => [sessions(), without]],
    ])('of another library’s session it says so: %s', async (_, mounted) => {
      const errors: unknown[] = []
      const app = make()
      for (const each of mounted()) app.use(each)
      app.use((request, response) => {
        if (request.session) request.session.a = 1
        response.send('the page')
      })
      app.use(((error, _request, response, _next) => {
        errors.push(error)
        response.status(error.status).send('sorry')
      }) as ErrorRequestHandler)
      served = await serve(app)
      visitor = new Client(served.origin)
      const response = await visitor.get('/')
      expect([response.status, response.text]).toEqual([500, 'sorry'])
      expect(errors).toMatchObject([
        { code: 'improperly_configured', message: expect.stringContaining('express-session') },
      ])
      expect(engine.asked).toEqual([])
    })

    test('express-session behind it leaves the session alone, as does another site', async () => {
      const other = sojournForExpress({ ...SETTINGS, sessionCookieName: 'other' })
      await open(
        sessions(),
        expressSession(OPTIONS) as RequestHandler,
        (request, response, next) => {
          request.session.a = 1
          if (request.path === '/two') other(request, response, next)
          else response.send('the page')
        },
        (request, response) => {
          request.session.b = 1
          response.send('the page')
        },
      )
      expect((await visitor.get('/')).setCookies.map((line) => line.split('=')[0])).toEqual(['sessionid'])
      const both = await visitor.get('/two')
      expect([both.status, both.setCookies.length]).toEqual([200, 2])
      await other.site.close()
    })

    test('mounted twice, in a router and in an app below: one scope, one cookie, one save', async () => {
      const router = make.Router()
      router.use(sessions())
      const below = make()
      below.use(sessions())
      const seen: unknown[] = []
      const count: RequestHandler = (request, _response, next) => {
        seen.push(request.session)
        request.session.n = Number(request.session.get('n', 0)) + 1
        next()
      }
      router.use(count)
      below.use(count)
      router.use('/app', below)
      await open(sessions(), count, sessions(), router, (request, response) => {
        response.json({ n: request.session.n })
      })
      const response = await visitor.get('/app')
      expect(response.json()).toEqual({ n: 3 })
      expect(new Set(seen).size).toBe(1)
      keptOnce(response)
      expect(engine.asked).toEqual(['create'])
    })
  })
})

/** The session cookie is there, once. */
function keptOnce(response: ClientResponse): void {
  expect(response.setCookies.map((line) => line.slice(0, line.indexOf('=')))).toEqual(['sessionid'])
}

function pieces(response: ServerResponse): void {
  response.setHeader('Content-Type', 'text/plain')
  for (let at = 0; at < PAGE.length; at += 1000) response.write(PAGE.slice(at, at + 1000))
  response.end()
}

/** Every order of a list. */
function orders<T>(list: readonly T[]): T[][] {
  if (list.length < 2) return [[...list]]
  return list.flatMap((first, i) => orders(list.toSpliced(i, 1)).map((rest) => [first, ...rest]))
}
