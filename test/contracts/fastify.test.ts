import { createReadStream } from 'node:fs'
import { Readable } from 'node:stream'
import type { FastifyInstance, FastifyReply, FastifyRequest } from 'fastify'
import { getSession, sojourn } from 'sojourn/fastify'
import type { ClientResponse } from 'sojourn/testing'
import { describe, expect, test } from 'vitest'
import { PACES, standing } from './fastify-site.js'

const touch = (request: FastifyRequest): void => {
  request.session.n = Number(request.session.get('n', 0)) + 1
}

/** The session cookie is there, once. */
function keptOnce(response: ClientResponse): void {
  expect(response.setCookies.map((line) => line.slice(0, line.indexOf('=')))).toEqual(['sessionid'])
}

async function* slowly(pieces: readonly string[]): AsyncGenerator<string> {
  for (const piece of pieces) {
    yield piece
    await new Promise((resolve) => setTimeout(resolve, 10))
  }
}

/** The ways in which handlers of Fastify answer. */
const ANSWERS: Readonly<Record<string, (request: FastifyRequest, reply: FastifyReply) => unknown>> = {
  'a text that is returned': async () => 'the answer of the handler',
  'an object that is returned': async () => ({ text: 'the answer of the handler' }),
  'reply.send': (_request, reply) => void reply.send('the answer of the handler'),
  'reply.send in an async handler that returns nothing': async (_request, reply) => {
    reply.send('the answer of the handler')
  },
  'reply.send later': (_request, reply) => void setTimeout(() => reply.send('the answer of the handler'), 1),
  'a stream': async () => Readable.from(['the answer ', 'of the handler']),
  'a stream that takes its time': async () => Readable.from(slowly(['the answer ', 'of the handler'])),
  'a stream of the web': async () => new Blob(['the answer of the handler']).stream(),
  'a Response': async () => new Response('the answer of the handler', { headers: { Vary: 'Accept' } }),
  'a response that was taken over': (_request, reply) => {
    reply.hijack()
    reply.raw.end('the answer of the handler')
  },
  'the raw response': (_request, reply) => void reply.raw.end('the answer of the handler'),
}

describe.each(PACES)('on %s', (_, watching) => {
  test('an answer that a route’s onRequest gives keeps what stood in its head before sojourn when the save fails', () =>
    standing(async ({ app, engine, site, visitor }) => {
      app.addHook('onRequest', async (_request, reply) => void reply.header('Access-Control-Allow-Origin', '*'))
      app.register(sojourn(site))
      const early = async (request: FastifyRequest, reply: FastifyReply): Promise<unknown> => {
        touch(request)
        return reply.header('X-Page', 'yes').send('the answer of the hook')
      }
      app.after(() => app.get('/', { onRequest: early }, async () => 'never'))
      engine.fail = ['create']
      const { status, headers } = await (await visitor()).get('/')
      expect([status, headers['access-control-allow-origin'], headers['x-page']]).toEqual([503, '*', undefined])
    }, watching))

  describe.each(Object.entries(ANSWERS))('%s', (_, answer) => {
    test('leaves whole, with its cookie, after the session is stored', () =>
      standing(async ({ app, engine, site, visitor }) => {
        app.register(sojourn(site))
        app.get('/', (request, reply) => {
          touch(request)
          return answer(request, reply)
        })
        app.get('/read', async (request) => request.session.get('n', 0))
        const client = await visitor()
        const response = await client.get('/')
        expect(response.status).toBe(200)
        expect(response.text).toContain('the answer of the handler')
        expect(response.headers.vary).toMatch(/(^|, )Cookie$/)
        keptOnce(response)
        expect(engine.asked).toEqual(['create'])
        expect((await client.get('/read')).text).toBe('1')
      }, watching))

    test('does not leave when the session cannot be stored: a 503 with Retry-After', () =>
      standing(async ({ app, engine, site, visitor }) => {
        app.register(sojourn(site))
        app.get('/', (request, reply) => {
          touch(request)
          reply.header('Location', '/elsewhere').header('Set-Cookie', 'of=the-page')
          return answer(request, reply)
        })
        engine.fail = ['create']
        const response = await (await visitor()).get('/')
        expect([response.status, response.headers['retry-after']]).toEqual([503, '1'])
        expect(response.text).not.toContain('the answer of the handler')
        expect([response.headers.location, response.setCookies]).toEqual([undefined, []])
      }, watching))
  })

  const handled = Object.entries(ANSWERS).filter(([name]) => !/Response|taken over/.test(name))
  test.each(handled)('%s: the error handler of the app answers a save that failed', (_, answer) =>
    standing(async ({ app, engine, site, visitor }) => {
      const heard: unknown[] = []
      app.register(sojourn(site))
      // As @fastify/cors does: without it, a script of another origin is told of no answer at all.
      app.addHook('onRequest', async (_request, reply) => {
        reply.header('Access-Control-Allow-Origin', 'https://app.example').header('Vary', 'Origin')
      })
      app.addHook('onError', async (_request, _reply, error) => void heard.push((error as { code?: string }).code))
      app.setErrorHandler(async (error: { code: string }) => ({ sorry: error.code }))
      app.get('/', (request, reply) => {
        touch(request)
        reply.header('X-Page', 'yes').header('Cache-Control', 'public').header('Vary', 'Accept')
        return answer(request, reply)
      })
      engine.fail = ['create']
      const response = await (await visitor()).get('/')
      expect([response.status, response.json()]).toEqual([503, { sorry: 'store_unavailable' }])
      expect(response.headers).toMatchObject({
        'retry-after': '1',
        'access-control-allow-origin': 'https://app.example',
      })
      expect([response.headers['x-page'], response.headers['cache-control']]).toEqual([undefined, undefined])
      expect(response.headers.vary).toBe('Origin')
      expect(heard).toEqual(['store_unavailable'])
    }, watching),
  )

  test('an error handler that fails in turn leaves a 503 all the same', () =>
    standing(async ({ app, engine, site, visitor }) => {
      app.register(sojourn(site))
      app.setErrorHandler(() => {
        throw new Error('the error handler failed, as it was asked to')
      })
      app.get('/', async (request) => touch(request))
      engine.fail = ['create']
      const response = await (await visitor()).get('/')
      expect([response.status, response.headers['retry-after']]).toEqual([503, '1'])
    }, watching))

  test('a session that cannot be loaded is a 503 with Retry-After, with and without an error handler', () =>
    standing(async ({ app, engine, site, visitor }) => {
      app.register(sojourn(site))
      app.get('/', async (request) => {
        touch(request)
        return 'page'
      })
      app.register(async (below) => {
        below.setErrorHandler(async (error: { code: string }) => error.code)
        below.get('/below', async (request) => request.session.get('n'))
      })
      const client = await visitor()
      await client.get('/')
      engine.fail = ['load']
      for (const path of ['/', '/below']) {
        const response = await client.get(path)
        expect([response.status, response.headers['retry-after']]).toEqual([503, '1'])
        expect(response.text).toContain('store_unavailable')
      }
    }, watching))

  test('a page that fails after it changed the key still tells the visitor the new one, whoever answers', () =>
    standing(async ({ app, engine, site, visitor }) => {
      app.register(sojourn(site))
      app.setErrorHandler(async (error: { code: string }, _request, reply) => {
        reply.header('Set-Cookie', 'of=the-error-page')
        return error.code
      })
      const cycle = async (request: FastifyRequest): Promise<void> => {
        await request.session.cycleKey()
        request.session.a = 1
      }
      app.get('/', async (request) => {
        touch(request)
        return 'page'
      })
      app.get('/text', async (request) => {
        await cycle(request)
        return 'the answer of the handler'
      })
      app.get('/stream', async (request) => {
        await cycle(request)
        return Readable.from(['the answer of the handler'])
      })
      const client = await visitor()
      await client.get('/')
      for (const path of ['/text', '/stream']) {
        const key = client.cookies.get('sessionid')
        engine.fail = ['save']
        const response = await client.get(path)
        expect([response.status, response.text]).toEqual([503, 'store_unavailable'])
        expect(response.setCookies).toHaveLength(2)
        expect(client.cookies.get('sessionid')).not.toBe(key)
        engine.fail = []
        expect((await client.get('/')).text).toBe('page')
        expect(engine.asked.at(-1)).toBe('save')
      }
    }, watching))

  test('whatever an onSend hook does to the session is stored, wherever it was added', () =>
    standing(async ({ app, engine, site, visitor }) => {
      const mark = (name: string) => async (request: FastifyRequest) => {
        request.session.set(name, true)
      }
      app.addHook('onSend', mark('before'))
      app.register(sojourn(site))
      app.addHook('onSend', mark('after'))
      app.register(async (below) => {
        below.addHook('onSend', mark('below'))
        below.get('/', { onSend: mark('route') }, async () => 'page')
        below.get('/read', async (request) => Object.fromEntries(request.session))
      })
      const client = await visitor()
      keptOnce(await client.get('/'))
      expect(engine.asked).toEqual(['create'])
      const read = await client.get('/read')
      expect(read.json()).toEqual({ before: true, after: true, below: true, route: true })
    }, watching))

  test('whoever has answered in a hook has answered: no handler runs behind a redirect', () =>
    standing(async ({ app, site, visitor }) => {
      let ran = false
      app.register(sojourn(site))
      app.get(
        '/',
        {
          // Without `return reply`, as many write it.
          preHandler: async (request, reply) => {
            touch(request)
            reply.redirect('/login')
          },
        },
        async () => {
          ran = true
          return 'the answer of the handler'
        },
      )
      const response = await (await visitor()).get('/')
      expect([response.status, response.headers.location, ran]).toEqual([302, '/login', false])
      keptOnce(response)
    }, watching))

  test('a page that is still writing when its save fails gets no error handler into its way', () =>
    standing(async ({ app, engine, site, visitor }) => {
      app.register(sojourn(site))
      app.setErrorHandler(async () => {
        await new Promise((resolve) => setTimeout(resolve, 5))
        return 'sorry'
      })
      app.get('/', (request, reply) => {
        touch(request)
        reply.raw.write('the answer ')
        setTimeout(() => reply.raw.end('of the handler'), 50)
      })
      engine.fail = ['create']
      const response = await (await visitor()).get('/')
      expect([response.status, response.headers['retry-after']]).toEqual([503, '1'])
      expect(response.text).not.toContain('the answer')
    }, watching))

  test('a stream that nobody will read is destroyed', () =>
    standing(async ({ app, engine, site, visitor }) => {
      const stream = new Readable({ read() {} })
      let cancelled = false
      app.register(sojourn(site))
      app.get('/node', async (request) => {
        touch(request)
        return stream
      })
      app.get('/web', async (request) => {
        touch(request)
        return new ReadableStream({ cancel: () => void (cancelled = true) })
      })
      engine.fail = ['create']
      const client = await visitor()
      expect((await client.get('/node')).status).toBe(503)
      expect((await client.get('/web')).status).toBe(503)
      expect([stream.destroyed, cancelled]).toEqual([true, true])
    }, watching))

  test('a stream that fails while the store is asked is an error, and the process lives on', () =>
    standing(async ({ app, site, visitor }) => {
      app.register(sojourn(site))
      app.get('/', async (request) => {
        touch(request)
        return createReadStream('/nowhere/at/all')
      })
      const client = await visitor()
      expect((await client.get('/')).status).toBe(500)
      expect((await client.get('/elsewhere')).status).toBe(404)
    }, watching))

  test('a page with trailers has none when its save fails', () =>
    standing(async ({ app, engine, site, visitor }) => {
      app.register(sojourn(site))
      app.get('/', (request, reply) => {
        touch(request)
        reply.trailer('Server-Timing', async () => 'a;dur=1')
        reply.send('the answer of the handler')
      })
      engine.fail = ['create']
      const client = await visitor()
      const { status, headers } = await client.get('/')
      expect([status, headers['transfer-encoding'], headers.trailer]).toEqual([503, undefined, undefined])
      engine.fail = []
      expect(await client.get('/')).toMatchObject({ status: 200, text: 'the answer of the handler' })
    }, watching))

  test('HEAD gets the head of GET, and no body', () =>
    standing(async ({ app, site, visitor }) => {
      app.register(sojourn(site))
      app.get('/', async (request) => {
        touch(request)
        return 'page'
      })
      const response = await (await visitor()).request('HEAD', '/')
      expect([response.status, response.headers['content-length'], response.text]).toEqual([200, '4', ''])
      keptOnce(response)
    }, watching))

  test('the pages for what is not found and for errors have the session', () =>
    standing(async ({ app, site, visitor }) => {
      app.register(sojourn(site))
      app.get('/', async (request) => {
        touch(request)
        return 'page'
      })
      app.get('/called', (_request, reply) => reply.callNotFound())
      app.get('/broken', () => {
        throw new Error('the page failed, as it was asked to')
      })
      app.setNotFoundHandler(async (request, reply) => {
        touch(request)
        return reply.code(404).send(`not found ${request.session.n}`)
      })
      app.setErrorHandler(async (_error, request, reply) => reply.code(500).send(`error ${request.session.get('n')}`))
      const client = await visitor()
      await client.get('/')
      expect((await client.get('/nowhere')).text).toBe('not found 2')
      expect((await client.get('/called')).text).toBe('not found 3')
      expect((await client.get('/broken')).text).toBe('error 3')
    }, watching))

  test('app.inject is answered as any visitor is', () =>
    standing(async ({ app, engine, site }) => {
      app.register(sojourn(site))
      app.get('/', async (request) => {
        touch(request)
        return `visit ${request.session.n}`
      })
      const first = await app.inject('/')
      expect(first.body).toBe('visit 1')
      const [cookie] = first.cookies
      const again = await app.inject({ url: '/', cookies: { sessionid: cookie?.value ?? '' } })
      expect(again.body).toBe('visit 2')
      engine.fail = ['create']
      const failed = await app.inject('/')
      expect([failed.statusCode, failed.headers['retry-after'], failed.cookies]).toEqual([503, '1', []])
    }, watching))

  test('headers of the raw response and of the reply join, as Fastify joins them', () =>
    standing(async ({ app, site, visitor }) => {
      app.register(sojourn(site))
      app.addHook('preHandler', async (request, reply) => {
        touch(request)
        reply.raw.setHeader('Set-Cookie', ['raw=1', 'raw=2'])
        reply.raw.setHeader('Vary', 'Accept')
      })
      const stream = () => Readable.from(['page'])
      app.get('/text', async () => 'page')
      app.get('/stream', async () => stream())
      app.get('/both', async (_request, reply) => {
        reply.header('Set-Cookie', 'page=1')
        return stream()
      })
      const client = await visitor()
      for (const path of ['/text', '/stream', '/both']) {
        const response = await client.get(path)
        const own = path === '/both' ? ['page'] : ['raw', 'raw']
        expect(response.setCookies.map((line) => line.split('=')[0])).toEqual([...own, 'sessionid'])
        expect(response.headers.vary).toBe('Accept, Cookie')
      }
    }, watching))
})

test('every function takes the request of Fastify and the raw one', () =>
  standing(async ({ app, site, visitor }) => {
    app.register(sojourn(site))
    app.get('/', async (request) => {
      const sessions = [await getSession(request), await getSession(request.raw), request.session]
      return new Set(sessions).size
    })
    expect((await (await visitor()).get('/')).text).toBe('1')
  }))

test('what settings opened is closed with the app, and a site that was given is not', async () => {
  await standing(async ({ app, site, engine, visitor }) => {
    let closed = 0
    Object.assign(engine, { close: () => void closed++ })
    const own = sojourn({ secretKey: 'a long random text', sessionEngine: engine })
    app.register(async (one: FastifyInstance) => {
      one.register(async (below: FastifyInstance) => void below.register(own))
      one.register(own)
    })
    app.register(async (below: FastifyInstance) => void below.register(sojourn(site)))
    await visitor()
    await app.close()
    expect(closed).toBe(1)
  })
})
