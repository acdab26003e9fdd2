import { H3 } from 'h3'
import { Hono } from 'hono'
import { type Session, type Site, sojourn } from 'sojourn'
import { getSession, sojourn as onFetch } from 'sojourn/fetch'
import { sojourn as onH3 } from 'sojourn/h3'
import { sojourn as onHono } from 'sojourn/hono'
import { sojourn as onSvelteKit } from 'sojourn/sveltekit'
import { afterEach, beforeEach, describe, expect, test } from 'vitest'

type Fetch = (request: Request) => Response | Promise<Response>

let site: Site
let failures: unknown[]
beforeEach(() => {
  site = sojourn({
    secretKey: 'a secret of the tests, of more than fifty characters in all',
    databases: { default: 'sqlite::memory:' },
    sessionEngine: 'memory',
  })
  failures = []
  site.on('request_failed', ({ error }) => failures.push(error))
})
afterEach(() => site.close())

/** The cookies that an answer leaves a visitor with. */
const ask = async (app: Fetch, path: string, cookies: Map<string, string>) => {
  const cookie = [...cookies].map((pair) => pair.join('=')).join('; ')
  const response = await app(new Request(`http://localhost${path}`, { headers: cookie === '' ? {} : { cookie } }))
  for (const line of response.headers.getSetCookie()) {
    const [name = '', value = ''] = line.split(';', 1)[0]?.split('=') ?? []
    cookies.set(name, value)
  }
  return { status: response.status, lines: response.headers.getSetCookie().length, text: await response.text() }
}

/** The apps of each framework: an inner one that logs in and out, and one above it that counts, which has it mounted. */
const innerHono = (): Hono => {
  const inner = new Hono()
  inner.onError((error, c) => c.text(error.name, 500))
  inner.use(onHono(site))
  inner.get('*', async (c) => {
    const { session } = c.var
    if (c.req.path.endsWith('/login')) {
      await session.cycleKey()
      session.user = 'ann'
    } else if (c.req.path.endsWith('/logout')) await session.flush()
    return c.text(String(session.get('user')))
  })
  return inner
}
const innerFetch = (): Fetch =>
  onFetch(site)(async (request) => {
    const session = await getSession(request)
    if (request.url.endsWith('/login')) {
      await session.cycleKey()
      session.user = 'ann'
    } else if (request.url.endsWith('/logout')) await session.flush()
    return new Response(String(session.get('user')))
  })

const above = {
  Hono(mounted: (app: Hono) => void, counts: boolean): Fetch {
    const app = new Hono()
    app.onError((error, c) => c.text(error.name, 500))
    app.use(onHono(site), async (c, next) => {
      if (counts) c.var.session.seen = Number(c.var.session.get('seen', 0)) + 1
      await next()
    })
    app.get('/read', (c) => c.text(String(c.var.session.get('user'))))
    mounted(app)
    return (request) => app.fetch(request)
  },
  h3(mounted: (app: H3) => void, counts: boolean): Fetch {
    const app = new H3({ silent: true, onError: ({ cause }) => void failures.push(cause) })
    app.use(onH3(site))
    app.use(({ context: { session } }) => {
      if (counts) session.seen = Number(session.get('seen', 0)) + 1
    })
    app.get('/read', ({ context: { session } }) => String(session.get('user')))
    mounted(app)
    return (request) => app.fetch(request)
  },
  Fetch(mounted: Fetch, counts: boolean): Fetch {
    return onFetch(site)(async (request) => {
      const session = await getSession(request)
      if (counts) session.seen = Number(session.get('seen', 0)) + 1
      return request.url.endsWith('/read') ? new Response(String(session.get('user'))) : mounted(request)
    })
  },
}

/** Apps whose inner one gets a request of its own. */
const apart: Readonly<Record<string, (counts: boolean) => Fetch>> = {
  'Hono’s mount': (counts) => above.Hono((app) => app.mount('/in', innerHono().fetch), counts),
  'h3’s mount of a function that makes a new Request': (counts) => {
    const inner = innerFetch()
    return above.h3((app) => app.mount('/in', (request) => inner(new Request(request.url, request))), counts)
  },
  'a new Request on Fetch': (counts) => {
    const inner = innerFetch()
    return above.Fetch((request) => inner(new Request(request)), counts)
  },
}

/** Apps whose inner one gets the same request. */
const together: Readonly<Record<string, (counts: boolean) => Fetch>> = {
  'Hono’s mount with replaceRequest': (counts) =>
    above.Hono((app) => app.mount('/in', innerHono().fetch, { replaceRequest: (request) => request }), counts),
  'Hono’s route': (counts) => above.Hono((app) => app.route('/in', innerHono()), counts),
  'h3’s mount of a function': (counts) => {
    const inner = innerFetch()
    return above.h3((app) => app.mount('/in', (request) => inner(request)), counts)
  },
  'the same Request on Fetch': (counts) => above.Fetch(innerFetch(), counts),
}

describe.each(Object.entries(apart))('%s', (_, make) => {
  test('where both apps write, a second session beside the first is an error that names the remedy', async () => {
    const app = make(true)
    const visitor = new Map<string, string>()
    expect((await ask(app, '/in/login', visitor)).status).toBe(500)
    for (const path of ['/in/login', '/in/logout']) {
      visitor.clear()
      await ask(app, '/read', visitor)
      expect((await ask(app, path, visitor)).status).toBe(500)
    }
    for (const error of failures) {
      expect(error).toMatchObject({ code: 'improperly_configured', message: expect.stringContaining('same Request') })
    }
    expect(failures).toHaveLength(3)
  })

  test('where only the inner one writes, its session is the visitor’s', async () => {
    const app = make(false)
    const visitor = new Map<string, string>()
    for (let n = 0; n < 2; n++) {
      const { status, lines } = await ask(app, '/in/login', visitor)
      expect([status, lines]).toEqual([200, 1])
      expect((await ask(app, '/read', visitor)).text).toBe('ann')
    }
    expect(failures).toEqual([])
  })
})

test.each(Object.entries(together))('%s has one session, whoever writes', async (_, make) => {
  const app = make(true)
  const visitor = new Map<string, string>()
  for (let n = 0; n < 2; n++) {
    const { status, lines } = await ask(app, '/in/login', visitor)
    expect([status, lines]).toEqual([200, 1])
    expect((await ask(app, '/read', visitor)).text).toBe('ann')
  }
  expect(failures).toEqual([])
})

test('SvelteKit’s event.fetch is a request of its own, whose cookies come with the page: of two new sessions the page’s stays', async () => {
  const handle = onSvelteKit(site)
  const visit = (resolve: (session: Session) => Promise<Response>): Promise<Response> => {
    const request = new Request('http://localhost/')
    const event = { request, locals: {} as { session: Session }, getClientAddress: () => '127.0.0.1' }
    return handle({ event: event as never, resolve: () => resolve(event.locals.session) })
  }
  const response = await visit(async (session) => {
    session.by = 'the page'
    const endpoint = await visit(async (own) => {
      own.by = 'the endpoint'
      return new Response()
    })
    return new Response('', { headers: endpoint.headers })
  })
  const keys = response.headers.getSetCookie().map((line) => /^sessionid=([^;]+)/.exec(line)?.[1])
  expect([response.status, keys.length]).toEqual([200, 2])
  const kept = site.sessions.open(keys[1] as string)
  await kept.load()
  expect(kept.get('by')).toBe('the page')
})
