import { once } from 'node:events'
import { connect } from 'node:net'
import { text } from 'node:stream/consumers'
import { Client, type ClientResponse, type EngineOperation } from 'sojourn/testing'
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test } from 'vitest'
import { type ProjectServer, startProject } from './project-server.js'

// Its build passes though the engine fails at whatever it is asked meanwhile: no build opens a session.
let server: ProjectServer
let visitor: Client

beforeAll(async () => {
  server = await startProject('sveltekit')
}, 600_000)

afterAll(() => server.close())

beforeEach(async () => {
  visitor = new Client(server.origin)
  await engine()
})

afterEach(() => visitor.close())

/** What the engine was asked since the last time; from now on it fails at these. */
async function engine(...fail: EngineOperation[]): Promise<EngineOperation[]> {
  // Without a cookie, and no form: neither sojourn nor SvelteKit looks at it. Its token comes by the header.
  const headers = { Cookie: `csrftoken=${TOKEN}`, 'X-CSRFToken': TOKEN, Origin: server.origin }
  const response = await fetch(`${server.origin}/control`, { method: 'PUT', headers, body: JSON.stringify({ fail }) })
  return (await response.json()) as EngineOperation[]
}

const TOKEN = 'a'.repeat(32)

const shown = ({ text }: ClientResponse): string | undefined => /<pre>(.*?)<\/pre>/s.exec(text)?.[1]

/** Submits a form to an action as a browser without scripts does, with the page's token. */
async function act(name: string, n: number, origin = server.origin): Promise<ClientResponse> {
  await visitor.get('/act')
  return visitor.post(`/act?/${name}`, { n: String(n) }, { headers: { Origin: origin, Accept: 'text/html' } })
}

/** The status and the cookies of an answer to a request without a single header. */
async function bare(line: string): Promise<readonly [status: number, cookies: readonly string[]]> {
  const socket = connect(Number(new URL(server.origin).port), '127.0.0.1')
  await once(socket, 'connect')
  socket.write(`${line} HTTP/1.0\r\n\r\n`)
  const answer = await text(socket)
  const cookies = [...answer.matchAll(/^set-cookie: ([^=]+)/gim)].map(([, name = '']) => name)
  return [Number(answer.split(' ')[1]), cookies]
}

const key = (): string | undefined => visitor.cookies.get('sessionid')
const stored = async (): Promise<unknown> => (await visitor.get('/n')).json().n
const cookieNames = ({ setCookies }: ClientResponse): string[] => setCookies.map((line) => line.split('=', 1)[0] ?? '')

describe('handle', () => {
  test('a visitor without a session costs nothing and gets no cookie', async () => {
    const response = await visitor.get('/touch')
    expect([shown(response), response.setCookies, response.headers['x-marked']]).toEqual(['0', [], 'yes'])
    expect(await engine()).toEqual([])
  })

  test('mounted twice there is one session, one load and one cookie', async () => {
    expect(cookieNames(await visitor.get('/n?n=1'))).toEqual(['sessionid'])
    await engine()
    expect(shown(await visitor.get('/touch'))).toBe('1')
    expect(await engine()).toEqual(['load'])
  })

  test('a guard in a handle of its own sends to the login page', async () => {
    const response = await visitor.get('/account?a=b')
    expect([response.status, response.headers.location]).toEqual([302, '/login?next=/account%3Fa%3Db'])
  })

  test('a page that is prerendered can only read', async () => {
    const codes = '{"read":"nothing","write":"session_read_only","token":"session_read_only"}'
    expect(shown(await visitor.get('/prerendered'))).toBe(codes)
  })
})

describe('whoever sends no header', () => {
  test('is a visitor as any other', async () => {
    expect(await bare('GET /n?n=1')).toEqual([200, ['sessionid']])
    expect(await bare('GET /act')).toEqual([200, ['csrftoken']])
  })

  test('is refused without a token', async () => {
    expect(await bare('POST /n')).toEqual([403, []])
  })
})

describe('form actions', () => {
  test.each([
    ['stay', 200],
    ['leave', 303],
    ['refuse', 400],
    ['miss', 404],
  ])('%s answers %i, and the session is stored before', async (name, status) => {
    expect((await act(name, 3)).status).toBe(status)
    expect(await stored()).toBe(3)
  })

  test('an action that fails stores nothing, but a key that changed reaches the visitor', async () => {
    await visitor.get('/n?n=1')
    const before = key()
    const response = await act('broken', 3)
    expect(response.status).toBe(500)
    expect(response.text).toContain('the error page')
    expect(key()).not.toBe(before)
    expect(await stored()).toBe(1)
  })

  test('cookies of the page and ours leave together, and a message is shown once', async () => {
    const response = await act('stay', 1)
    expect(cookieNames(response).sort()).toEqual(['csrftoken', 'mine', 'sessionid'])
    expect(shown(response)).toBe('["done"]')
    expect(shown(await visitor.get('/act'))).toBe('[]')
  })

  test("without its token a form is refused, and from another site by SvelteKit's own check", async () => {
    const refused = await visitor.post('/act?/stay', { n: '3' }, { headers: { Origin: server.origin } })
    expect(refused.status).toBe(403)
    expect(refused.text).toContain('This form was not accepted')
    const foreign = await act('stay', 3, 'https://evil.example')
    expect([foreign.status, foreign.text]).toEqual([403, 'Cross-site POST form submissions are forbidden'])
    expect(await stored()).toBeUndefined()
  })
})

describe('a store that fails', () => {
  test('a session that cannot be stored is a 503', async () => {
    await visitor.get('/act')
    await engine('create')
    for (const response of [await visitor.get('/n?n=1'), await act('leave', 1)]) {
      expect([response.status, response.headers['retry-after'], cookieNames(response)]).toEqual([503, '1', []])
    }
  })

  test("a session that cannot be loaded is a 503 with the site's own error page, and no empty session", async () => {
    await visitor.get('/n?n=1')
    await engine('load')
    const response = await visitor.get('/touch')
    expect([response.status, response.headers['retry-after'], response.setCookies]).toEqual([503, '1', []])
    expect(response.text).toContain('the error page')
    // What uses no session is served all the same.
    expect((await visitor.get('/sub')).status).toBe(200)
  })
})

describe('load', () => {
  test('what is streamed comes too late to change the session, but for a transaction', async () => {
    expect((await visitor.get('/stream')).text).toContain('late: session_sealed')
    expect(await stored()).toBe(11)
  })

  test("an endpoint that the server asks has the visitor's session, and its cookie reaches the visitor", async () => {
    expect(cookieNames(await visitor.get('/sub'))).toEqual(['sessionid'])
    expect(await stored()).toBe(5)
    const before = key()
    await visitor.get('/n?n=6')
    await visitor.get('/sub')
    expect([await stored(), key()]).toEqual([5, before])
  })

  test('where the page and that endpoint begin a session each, the visitor keeps that of the page', async () => {
    await visitor.get('/sub?own')
    expect(await stored()).toBe(9)
  })
})
