import { once } from 'node:events'
import { createReadStream } from 'node:fs'
import { connect, createServer as createServer2 } from 'node:http2'
import { type AddressInfo, connect as dial, type Socket } from 'node:net'
import { Readable } from 'node:stream'
import { bodyParser } from '@koa/bodyparser'
import Koa, { type Context, type Middleware } from 'koa'
import { createSession } from 'koa-session'
import { getSession, type Site, sojourn } from 'sojourn'
import { memoryEngine } from 'sojourn/engines/memory'
import { ensureCsrfCookie, getToken, guarded, loginRequired, sojourn as onKoa } from 'sojourn/koa'
import { Client, type ClientResponse, type Served, serve, type WatchedEngine, watched } from 'sojourn/testing'
import { afterEach, beforeEach, describe, expect, test } from 'vitest'

const FORM = 'application/x-www-form-urlencoded'
/** As browsers make them: one that is in the data by chance is no boundary. */
const BOUNDARY = '----WebKitFormBoundary7MA4YWxkTrZu0gW'

describe.each<[string, { readonly delay?: number }]>([
  ['a store that answers at once', {}],
  ['a slow store', { delay: 2 }],
])('on %s', (_, watching) => {
  let engine: WatchedEngine
  let site: Site
  let served: Served | undefined
  let visitor: Client
  let errors: unknown[]

  beforeEach(() => {
    engine = watched(memoryEngine(), watching)
    site = sojourn({
      secretKey: 'a secret of the tests, of more than fifty characters in all',
      databases: { default: 'sqlite::memory:' },
      sessionEngine: engine,
      dataUploadMaxMemorySize: 200_000,
    })
    errors = []
  })
  afterEach(async () => {
    visitor?.close()
    await served?.close()
    await site.close()
  })

  /** An app of these, in this order, that keeps its errors. */
  function appOf(...middleware: readonly Middleware[]): Koa {
    const app = new Koa()
    for (const each of middleware) app.use(each)
    app.on('error', (error) => errors.push(error))
    return app
  }
  async function open(...middleware: readonly Middleware[]): Promise<Client> {
    served = await serve(appOf(...middleware).callback())
    visitor = new Client(served.origin)
    return visitor
  }
  const sessions = (): Middleware => onKoa(site)
  const write: Middleware = (ctx) => {
    ctx.session.a = Number(ctx.session.get('a', 0)) + 1
    ctx.body = `the page ${ctx.session.a}`
  }

  test('ctx, ctx.req and ctx.request lead to the session that ctx.session is', async () => {
    await open(sessions(), async (ctx) => {
      const found = await Promise.all([ctx, ctx.req, ctx.request].map(getSession))
      ctx.body = String(found.every((session) => session === ctx.session))
    })
    expect((await visitor.get('/')).text).toBe('true')
  })

  describe('a save that fails', () => {
    beforeEach(() => {
      engine.fail = ['create', 'save']
    })

    test('is Koa’s own answer with 503 and Retry-After, and an error of the app', async () => {
      await open(sessions(), (ctx) => {
        ctx.set('X-Page', 'yes')
        ctx.session.a = 1
        ctx.redirect('/next')
      })
      const response = await visitor.get('/')
      expect([response.status, response.text]).toEqual([503, 'Service Unavailable'])
      expect(response.headers).toMatchObject({ 'retry-after': '1' })
      expect(response.headers.location ?? response.headers['x-page']).toBeUndefined()
      expect(response.setCookies).toEqual([])
      expect(errors).toMatchObject([{ code: 'store_unavailable', status: 503 }])
    })

    test('is seen by middleware above, whose page replaces the page whole', async () => {
      const above: Middleware = async (ctx, next) => {
        try {
          await next()
        } catch (error) {
          ctx.body = `sorry: ${(error as { code: string }).code}`
        }
      }
      await open(above, sessions(), (ctx) => {
        ctx.session.a = 1
        ctx.status = 201
        ctx.set('X-Page', 'yes')
        ctx.body = { page: 'the answer of the handler' }
      })
      const response = await visitor.get('/')
      // The page above set no status of its own, and is no success for that.
      expect([response.status, response.text]).toEqual([503, 'sorry: store_unavailable'])
      expect(response.headers['x-page']).toBeUndefined()
      expect(errors).toEqual([])
    })

    test('is no answer of the page where middleware above swallows it', async () => {
      const above: Middleware = async (_ctx, next) => next().catch(() => undefined)
      await open(above, sessions(), write)
      const response = await visitor.get('/')
      expect([response.status, response.text]).toEqual([503, ''])
    })

    test('destroys a stream that was to be the body', async () => {
      const body = Readable.from(['the answer of the handler'])
      await open(sessions(), (ctx) => {
        ctx.session.a = 1
        ctx.body = body
      })
      expect((await visitor.get('/')).status).toBe(503)
      expect(body.destroyed).toBe(true)
    })

    test.each([
      ['after the page', false],
      ['at flushHeaders', true],
    ])('%s leaves the visitor a key that changed before it', async (_, flushes) => {
      engine.fail = []
      const replace: Middleware = async (ctx) => {
        await ctx.session.cycleKey()
        ctx.session.a = 2
        if (flushes) ctx.flushHeaders()
        ctx.body = 'the answer of the handler'
      }
      const app = appOf(sessions(), (ctx, next) => (ctx.path === '/replace' ? replace(ctx, next) : write(ctx, next)))
      served = await serve(app.callback())
      visitor = new Client(served.origin)
      await visitor.get('/')
      const key = visitor.cookies.get('sessionid')
      engine.fail = ['save']
      const response = await visitor.get('/replace')
      expect([response.status, response.headers['retry-after']]).toEqual([503, '1'])
      expect(namesOf(response)).toEqual(['sessionid'])
      expect(visitor.cookies.get('sessionid')).not.toBe(key)
      engine.fail = []
      expect((await visitor.get('/')).text).toBe('the page 2')
    })
  })

  test('a stream that fails before it is sent is an error, and the process lives on', async () => {
    await open(sessions(), (ctx) => {
      ctx.session.a = 1
      ctx.body = createReadStream('/nowhere/at/all')
    })
    for (let i = 0; i < 2; i++) {
      // Koa itself cuts the connection; while the store is asked there still is an answer.
      const answered = await visitor.get('/').then(
        ({ status }) => status,
        () => 'cut off',
      )
      expect(answered).toBe(watching.delay === undefined ? 'cut off' : 500)
    }
    expect(errors[0]).toMatchObject({ code: 'ENOENT' })
  })

  test('ctx.throw(404) keeps the changes, ctx.throw(500) does not', async () => {
    await open(sessions(), (ctx) => {
      ctx.session.a = Number(ctx.session.get('a', 0)) + 1
      ctx.throw(Number(ctx.path.slice(1)))
    })
    expect(namesOf(await visitor.get('/500'))).toEqual([])
    const missing = await visitor.get('/404')
    expect([missing.status, namesOf(missing)]).toEqual([404, ['sessionid']])
    expect(engine.asked).toEqual(['create'])
  })

  test('mounted twice, and in an app below: one scope, one cookie, one create', async () => {
    const seen = new Set<unknown>()
    const count: Middleware = async (ctx, next) => {
      seen.add(ctx.session)
      ctx.session.n = Number(ctx.session.get('n', 0)) + 1
      ctx.body = String(ctx.session.n)
      await next()
    }
    const below = appOf(sessions(), count).callback()
    const mount: Middleware = async (ctx) => {
      ctx.respond = false
      await below(ctx.req, ctx.res)
    }
    await open(sessions(), count, sessions(), count, mount)
    const response = await visitor.get('/')
    expect([response.text, namesOf(response)]).toEqual(['3', ['sessionid']])
    expect(seen.size).toBe(1)
    expect(engine.asked).toEqual(['create'])
  })

  test('an answer by ctx.res that begins after all middleware is done has its session stored before it', async () => {
    await open(sessions(), (ctx) => {
      ctx.respond = false
      ctx.status = 200
      setTimeout(() => {
        ctx.session.a = 1
        ctx.res.end('later')
      }, 5)
    })
    const response = await visitor.get('/')
    expect([response.text, namesOf(response)]).toEqual(['later', ['sessionid']])
    expect(engine.asked).toEqual(['create'])
  })

  // Nothing waits where the store answers at once.
  const given = watching.delay === undefined ? [] : ['given above']
  describe.each(given)('an answer that is %s while the session is being stored', () => {
    let stored: () => void
    let asked: Promise<void>
    beforeEach(() => {
      asked = new Promise((tell) => {
        const held = new Promise<void>((resolve) => {
          stored = resolve
        })
        engine.delay = (operation) => {
          if (operation !== 'save') return undefined
          tell()
          return held
        }
      })
    })
    const page: Middleware = async (ctx) => {
      if (ctx.path === '/login') await ctx.session.cycleKey()
      ctx.session.a = Number(ctx.session.get('a', 0)) + 1
      ctx.body = `the page ${ctx.session.a}`
    }

    test.each(['a timeout', 'flushHeaders'])('waits for it, and brings the visitor its cookie: %s', async (how) => {
      const above: Middleware = async (ctx, next) => {
        const below = next()
        if (ctx.path === '/login') {
          await asked
          setImmediate(() => setImmediate(stored))
          if (how === 'flushHeaders') ctx.flushHeaders()
          else {
            ctx.status = 408
            ctx.body = 'too late'
            return
          }
        }
        await below
      }
      await open(above, sessions(), page)
      await visitor.get('/')
      const key = visitor.cookies.get('sessionid')
      const response = await visitor.get('/login')
      expect([response.status, response.text]).toEqual(how === 'a timeout' ? [408, 'too late'] : [200, 'the page 2'])
      expect(namesOf(response)).toEqual(['sessionid'])
      expect(visitor.cookies.get('sessionid')).not.toBe(key)
      expect((await visitor.get('/')).text).toBe('the page 3')
    })

    test('is a 503 where the save fails, told once', async () => {
      const above: Middleware = async (ctx, next) => {
        const below = next()
        if (ctx.path !== '/late') return below
        await asked
        engine.fail = ['save']
        setImmediate(() => setImmediate(stored))
        ctx.body = 'too late'
      }
      await open(above, sessions(), page)
      await visitor.get('/')
      const response = await visitor.get('/late')
      expect([response.status, response.text]).toEqual([503, 'Service Unavailable'])
      expect(errors).toMatchObject([{ code: 'store_unavailable' }])
    })
  })

  test('a session that another request ended is a 400 that says so, and no line in the log', async () => {
    await open(sessions(), async (ctx) => {
      ctx.session.a = 1
      if (ctx.path === '/late') await site.sessions.revoke(ctx.session.sessionKey as string)
      ctx.body = 'the page'
    })
    await visitor.get('/')
    const response = await visitor.get('/late')
    expect(response.status).toBe(400)
    expect(response.text).toContain('session was deleted')
    expect(errors).toMatchObject([{ expose: true }])
  })

  test('a guard sends its answer instead of what stands below it, and lets pass whom it may', async () => {
    const pass = guarded(ensureCsrfCookie)
    await open(sessions(), pass, guarded(loginRequired), write)
    const refused = await visitor.get('/account?a=1')
    expect([refused.status, refused.headers.location]).toEqual([302, '/accounts/login/?next=/account%3Fa%3D1'])
    expect([engine.asked, namesOf(refused)]).toEqual([[], ['csrftoken']])
  })

  test('koa-session beside it is an error that says so, in either order', async () => {
    const app = new Koa()
    app.keys = ['a key']
    const theirs = createSession({}, app) as Middleware
    for (const order of [
      [theirs, sessions()],
      [sessions(), theirs],
    ]) {
      const beside = Object.assign(appOf(...order, write), { keys: ['a key'], context: app.context })
      served = await serve(beside.callback())
      visitor = new Client(served.origin)
      expect((await visitor.get('/')).status).toBe(500)
      expect(String(errors.at(-1))).toContain('koa-session')
      visitor.close()
      await served.close()
    }
  })

  describe('a form', () => {
    const page: Middleware = (ctx) => {
      ctx.body =
        ctx.method === 'POST' ? JSON.stringify((ctx.request as { body?: unknown }).body ?? null) : getToken(ctx)
    }
    /** Stands where no parser is: reads the stream itself. */
    const reading: Middleware = async (ctx, next) => {
      if (ctx.method !== 'POST') return next()
      ctx.body = Buffer.concat((await ctx.req.toArray()) as Buffer[]).toString()
    }
    /** Begins a form of so many bytes by hand. */
    const begin = (length: number, body: string): Socket => {
      const { port } = new URL(served?.origin as string)
      const lines = ['POST / HTTP/1.1', 'Host: x', `Cookie: ${visitor.cookies.header('/')}`, `Content-Type: ${FORM}`]
      const socket = dial(Number(port), '127.0.0.1')
      socket.write(`${lines.join('\r\n')}\r\nContent-Length: ${length}\r\n\r\n${body}`)
      return socket
    }
    const send = async (body: string, type = FORM): Promise<ClientResponse> =>
      visitor.request('POST', '/', { body, headers: { 'Content-Type': type } })

    test('is read for its token before and after a body parser, which finds all of it', async () => {
      for (const order of [
        [bodyParser(), sessions()],
        [sessions(), bodyParser()],
      ]) {
        await open(...order, page)
        const token = (await visitor.get('/')).text
        const sent = await send(`csrfmiddlewaretoken=${token}&list=1&list=2&deep[a]=3`)
        expect(sent.json()).toMatchObject({ list: ['1', '2'], deep: { a: '3' } })
        expect((await send('csrfmiddlewaretoken=wrong&list=1')).status).toBe(403)
        visitor.close()
        await served?.close()
      }
    })

    test('of many pieces, with or without a length, is there to the last byte for whoever reads the stream', async () => {
      await open(sessions(), reading, page)
      const token = (await visitor.get('/')).text
      for (const size of [1, 1000, 190_000]) {
        const body = `csrfmiddlewaretoken=${token}&long=${'x'.repeat(size)}`
        expect((await send(body)).text).toBe(body)
        const sent = await fetch(`${served?.origin}/`, {
          method: 'POST',
          headers: { 'Content-Type': FORM, Cookie: visitor.cookies.header('/') },
          body: Readable.toWeb(Readable.from([Buffer.from(body.slice(0, 9)), Buffer.from(body.slice(9))])) as never,
          duplex: 'half',
        } as RequestInit)
        expect(await sent.text()).toBe(body)
      }
    })

    test('of several parts is read too, where nobody has parsed it', async () => {
      await open(sessions(), reading, page)
      const token = (await visitor.get('/')).text
      const part = (name: string, value: string): string =>
        `--${BOUNDARY}\r\nContent-Disposition: form-data; name="${name}"\r\n\r\n${value}\r\n`
      const body = (given: string): string =>
        `${part('text', 'yes')}${part('csrfmiddlewaretoken', given)}--${BOUNDARY}--\r\n`
      const type = `multipart/form-data; boundary=${BOUNDARY}`
      expect((await send(body(token), type)).text).toBe(body(token))
      expect((await send(body('wrong'), type)).status).toBe(403)
      expect((await send('no parts at all', type)).status).toBe(400)
    })

    test('over dataUploadMaxMemorySize, or read by somebody who left no form, is a 400 that says what to do', async () => {
      await open(sessions(), page)
      await visitor.get('/')
      expect((await send(`long=${'x'.repeat(200_000)}`)).status).toBe(400)
      expect(String(errors.at(-1))).toContain('dataUploadMaxMemorySize')
      // One that is far from over is not waited for.
      const socket = begin(100_000_000, 'x'.repeat(300_000))
      expect(String((await once(socket, 'data'))[0])).toContain('HTTP/1.1 400')
      socket.destroy()
      visitor.close()
      await served?.close()
      const taking: Middleware = async (ctx, next) => {
        await ctx.req.toArray()
        await next()
      }
      await open(taking, sessions(), page)
      await visitor.get('/')
      expect((await send('text=1')).status).toBe(400)
      expect(String(errors.at(-1))).toContain('no form was left')
    })

    test('that is empty, or cut off, ends no process', async () => {
      let arrived = (): void => undefined
      const arrival = new Promise<void>((resolve) => {
        arrived = resolve
      })
      const above: Middleware = (ctx, next) => {
        if (ctx.get('Content-Length') === '100') arrived()
        return next()
      }
      await open(above, sessions(), page)
      await visitor.get('/')
      expect((await send('')).status).toBe(403)
      const socket = begin(100, 'abc')
      await arrival
      socket.destroy()
      await expect.poll(() => String(errors.at(-1))).toContain('cut off')
      expect((await visitor.get('/')).status).toBe(200)
    })

    test('whose request somebody closes is an error, and nobody waits for it', async () => {
      const closing: Middleware = (ctx, next) => {
        if (ctx.method === 'POST') setImmediate(() => ctx.req.destroy())
        return next()
      }
      await open(closing, sessions(), page)
      await visitor.get('/')
      const socket = begin(100, 'abc')
      await expect.poll(() => String(errors.at(-1))).toContain('cut off')
      socket.destroy()
    })

    test('of any size is left to the page where the tokens are only reported', async () => {
      const reporting = onKoa({
        secretKey: 'a secret of the tests, of more than fifty characters in all',
        sessionEngine: 'memory',
        csrfMode: 'report-only',
        dataUploadMaxMemorySize: 1000,
      })
      const reported: unknown[] = []
      reporting.site.on('csrf_failed', ({ code }) => reported.push(code))
      await open(reporting, bodyParser({ formLimit: '1mb' }), page)
      await visitor.get('/')
      expect((await send('')).json()).toEqual({})
      for (const size of [10, 900, 100_000]) {
        const sent = await send(`text=${'x'.repeat(size)}`)
        expect(sent.json<{ text: string }>().text).toHaveLength(size)
      }
      expect(reported).toHaveLength(3)
      await reporting.site.close()
    })

    test('and the session live on HTTP/2 as well', async () => {
      const app = appOf(sessions(), bodyParser(), (ctx) => {
        if (ctx.method === 'POST') ctx.session.text = (ctx.request as { body?: { text?: string } }).body?.text
        ctx.body = ctx.method === 'POST' ? 'stored' : `${getToken(ctx)} ${ctx.session.get('text', 'nothing')}`
      })
      const server = createServer2(app.callback()).listen(0, '127.0.0.1')
      await once(server, 'listening')
      const session = connect(`http://127.0.0.1:${(server.address() as AddressInfo).port}`)
      try {
        const cookies = new Map<string, string>()
        const ask = async (method: string, body?: string): Promise<string> => {
          const stream = session.request({
            ':method': method,
            ':path': '/',
            cookie: [...cookies].map((pair) => pair.join('=')).join('; '),
            ...(body === undefined ? {} : { 'content-type': FORM, 'content-length': body.length }),
          })
          stream.end(body)
          const [headers] = await once(stream, 'response')
          for (const line of headers['set-cookie'] ?? []) {
            const [name, value] = line.split(';')[0].split('=')
            cookies.set(name, value)
          }
          return Buffer.concat((await stream.toArray()) as Buffer[]).toString()
        }
        const [token] = (await ask('GET')).split(' ')
        expect(await ask('POST', `csrfmiddlewaretoken=${token}&text=kept`)).toBe('stored')
        expect((await ask('GET')).split(' ')[1]).toBe('kept')
      } finally {
        session.close()
        server.close()
      }
    })
  })
})

function namesOf(response: ClientResponse): string[] {
  return response.setCookies.map((line) => line.slice(0, line.indexOf('=')))
}

// Typed by what `sojourn/koa` says of Koa's context.
const typed = (ctx: Context): void => ctx.session.clear()
void typed
