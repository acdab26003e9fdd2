import { Client, type ClientResponse, type EngineOperation } from 'sojourn/testing'
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test } from 'vitest'
import { type ProjectServer, startProject } from './project-server.js'

// Its build passes though the engine fails at whatever it is asked meanwhile: no build opens a session.
let server: ProjectServer
let visitor: Client

beforeAll(async () => {
  server = await startProject('next')
}, 600_000)

afterAll(() => server.close())

beforeEach(async () => {
  visitor = new Client(server.origin)
  await engine()
})

afterEach(() => visitor.close())

/** What the engine was asked since the last time; from now on it fails at these. */
async function engine(...fail: EngineOperation[]): Promise<EngineOperation[]> {
  const response = await fetch(`${server.origin}/control`, { method: 'POST', body: JSON.stringify({ fail }) })
  return (await response.json()) as EngineOperation[]
}

/** What a page shows. */
function shown({ text }: ClientResponse): string[] {
  return [...text.matchAll(/<pre>(.*?)<\/pre>/gs)].map(([, inner = '']) =>
    inner.replaceAll('<!-- -->', '').replaceAll('&quot;', '"'),
  )
}

/** Submits the form of an action as a browser without scripts does. */
async function act(
  name: string,
  n: number,
  headers: Readonly<Record<string, string>> = { Origin: server.origin },
): Promise<ClientResponse> {
  const { text } = await visitor.get('/acts')
  const form = text.split('<form').find((each) => each.includes(`data-name="${name}"`))
  const action = /name="(\$ACTION_ID_[^"]+)"/.exec(form ?? '')?.[1] ?? ''
  const fields = { [action]: '', n: String(n) }
  const parts = Object.entries(fields).map(
    ([field, value]) => `--edge\r\nContent-Disposition: form-data; name="${field}"\r\n\r\n${value}\r\n`,
  )
  return visitor.request('POST', '/acts', {
    headers: { 'Content-Type': 'multipart/form-data; boundary=edge', ...headers },
    body: `${parts.join('')}--edge--\r\n`,
  })
}

const key = (): string | undefined => visitor.cookies.get('sessionid')
const stored = async (): Promise<unknown> => (await visitor.get('/route/set')).json().n

describe('server components', () => {
  test('a visitor without a session costs nothing and gets no cookie', async () => {
    const response = await visitor.get('/read')
    expect(shown(response)).toEqual(['layout [0,[]]', 'page [0,[]]'])
    expect(response.setCookies).toEqual([])
    expect(await engine()).toEqual([])
  })

  test('layout, metadata and page load the session once', async () => {
    await visitor.get('/route/set?n=5')
    await engine()
    const response = await visitor.get('/read')
    expect(shown(response)).toEqual(['layout [5,[]]', 'page [5,[]]'])
    expect(response.text).toContain('<title>n is 5</title>')
    expect(await engine()).toEqual(['load'])
  })

  test.each(['', '?n=1'])('whatever would change something is refused, and says so (%s)', async (query) => {
    await visitor.get(`/route/set${query}`)
    await engine()
    const [codes = ''] = shown(await visitor.get('/write'))
    const { push, transact, ...others } = JSON.parse(codes)
    expect(push).toBe('function')
    expect(new Set(Object.values(others))).toEqual(new Set(['session_read_only']))
    expect(Object.keys(others)).toHaveLength(8)
    // It saves at once, where there is a session to be saved.
    expect(transact).toBe(query === '' ? 'session_read_only' : 'nothing')
    expect(await engine()).toEqual(query === '' ? [] : ['load', 'load', 'save'])
  })

  test('a message is shown to all of a page, and once', async () => {
    await act('stay', 1)
    // The page after an action is made in the same answer; this one has not asked for messages.
    expect(shown(await visitor.get('/read'))).toEqual(['layout [1,["n is 1"]]', 'page [1,["n is 1"]]'])
    expect(shown(await visitor.get('/read'))).toEqual(['layout [1,[]]', 'page [1,[]]'])
  })

  test('a session that cannot be loaded is no empty one', async () => {
    await visitor.get('/route/set?n=5')
    await engine('load')
    const response = await visitor.get('/read')
    expect(response.status).toBe(500)
    expect(response.setCookies).toEqual([])
  })
})

describe('server actions', () => {
  test('the session is stored and its cookie set, and the page in the same answer sees it without another load', async () => {
    const response = await act('stay', 4)
    expect(response.status).toBe(200)
    expect(shown(response)).toEqual(['[4,null]'])
    expect(response.setCookies).toEqual([
      expect.stringMatching(
        /^sessionid=[a-z0-9]{32}; Path=\/; Expires=[^;]+; Max-Age=1209600; HttpOnly; SameSite=lax$/,
      ),
    ])
    expect(await engine()).toEqual(['create'])
    expect(await stored()).toBe(4)
  })

  test.each([
    ['leave', 303],
    ['miss', 404],
  ])('%s leaves by an error of Next, and the session is stored before', async (name, status) => {
    const response = await act(name, 6)
    expect(response.status).toBe(status)
    expect(await stored()).toBe(6)
  })

  test('an action that fails stores nothing, but a key that changed reaches the visitor', async () => {
    await visitor.get('/route/set?n=1')
    const before = key()
    expect((await act('fail', 6)).status).toBe(500)
    expect(key()).not.toBe(before)
    expect(await stored()).toBe(1)
  })

  test('a session that cannot be stored is no redirect', async () => {
    await engine('create')
    const response = await act('leave', 6)
    expect(response.status).toBe(500)
    expect(response.setCookies).toEqual([])
  })

  test.each<[string, Readonly<Record<string, string>>]>([
    ['another site', { Origin: 'https://evil.example' }],
    ['nobody knows where', {}],
    ['a sibling', { Origin: '', 'Sec-Fetch-Site': 'same-site' }],
  ])('a call from %s is refused', async (_, headers) => {
    const response = await act('stay', 6, headers)
    expect(response.status).toBe(500)
    expect(await stored()).toBeUndefined()
  })

  test.each(['callAdd', 'callRenew'])(
    "an action that is called by another has that one's session (%s)",
    async (name) => {
      const response = await act(name, 3)
      expect([response.status, response.setCookies.length]).toEqual([200, 1])
      expect(await stored()).toBe(113)
      const before = key()
      expect((await act(name, 3)).status).toBe(200)
      expect([await stored(), key() === before]).toEqual([113, name === 'callAdd'])
    },
  )

  test('the second action of a request goes on with what the first has left', async () => {
    const response = await act('addThenRenew', 3)
    expect([response.status, response.setCookies.length]).toEqual([200, 1])
    expect(await stored()).toBe(6)
    await act('addThenRenew', 3)
    expect(await stored()).toBe(12)
  })

  test('where an action leaves that is called by another, the session is stored once', async () => {
    expect((await act('callLeave', 6)).status).toBe(303)
    expect((await engine()).filter((operation) => operation !== 'load')).toEqual(['create'])
    expect(await stored()).toBe(6)
  })

  test('a session in its cookie survives the colons that Next encodes', async () => {
    const response = await act('sign', 3)
    expect(response.setCookies[0]).toMatch(/^signed=[\w-]+%3A[\w-]+%3A[\w-]+;/)
    expect(shown(response)).toEqual(['[null,3]'])
    expect(shown(await visitor.get('/acts'))).toEqual(['[null,3]'])
  })
})

describe('route handlers', () => {
  test.each([
    ['redirect', 307, 7],
    ['missing', 404, 8],
  ])('%s leaves by an error of Next, and the session is stored before', async (name, status, n) => {
    const response = await visitor.get(`/route/${name}`)
    expect(response.status).toBe(status)
    expect(await stored()).toBe(n)
  })

  test('a handler that fails stores nothing, but a key that changed reaches the visitor', async () => {
    await visitor.get('/route/set?n=1')
    const before = key()
    const response = await visitor.get('/route/broken?cycle')
    expect(response.status).toBe(500)
    expect(key()).not.toBe(before)
    expect(await stored()).toBe(1)
  })

  test('Next hears of an error', async () => {
    const response = await visitor.get('/route/broken')
    expect([response.status, response.text, response.setCookies]).toEqual([500, '', []])
    // What a process prints may arrive after its answer.
    await expect.poll(() => server.printed()).toContain('the handler failed, as it was asked to')
  })

  test.each(['/route/set?n=1', '/route/redirect', '/route/missing'])(
    'a session that cannot be stored is a 503 (%s)',
    async (path) => {
      await engine('create')
      const response = await visitor.get(path)
      expect([response.status, response.headers['retry-after'], response.setCookies]).toEqual([503, '1', []])
    },
  )

  test('a form is refused without its token, and read again by the handler with it', async () => {
    expect((await visitor.post('/route/form', { text: 'hello' })).status).toBe(403)
    await visitor.get('/form')
    const response = await visitor.post('/route/form', { text: 'hello' })
    expect([response.status, response.text]).toEqual([200, '"hello"'])
  })

  test('an action that is called by a handler has its session', async () => {
    const response = await visitor.get('/route/calls')
    expect([response.status, response.setCookies.length]).toEqual([200, 1])
    expect(await stored()).toBe(113)
  })

  test('what a handler calls finds its request by itself', async () => {
    expect((await visitor.get('/route/deep')).text).toBe('written')
    expect(await stored()).toBe(3)
  })
})

describe('the proxy', () => {
  test('gives a form the cookie that its token needs, to the very first visitor, and once', async () => {
    const first = await visitor.get('/form')
    expect(first.text).toContain('name="csrfmiddlewaretoken"')
    expect(first.setCookies).toEqual([expect.stringMatching(/^csrftoken=/)])
    expect((await visitor.get('/form')).setCookies).toEqual([])
    expect(await engine()).toEqual([])
  })

  test('without it a token that needs a new cookie is refused', async () => {
    expect(shown(await visitor.get('/bare-form'))).toEqual(['session_read_only'])
    await visitor.get('/form')
    expect((await visitor.get('/bare-form')).text).toContain('name="csrfmiddlewaretoken"')
  })

  test('a page that Next made for everybody is for one visitor with a cookie of ours', async () => {
    const forOne = 'private, no-cache, no-store, max-age=0, must-revalidate'
    expect((await visitor.get('/static')).headers['cache-control']).toBe(forOne)
    expect((await visitor.get('/static')).headers['cache-control']).toContain('s-maxage=')
  })

  test('asks the store for nothing by itself', async () => {
    await visitor.get('/route/set?n=1')
    await engine()
    await visitor.get('/static')
    expect(await engine()).toEqual([])
  })

  test.each(['', '&plain'])('what it writes, the page behind it sees (%s)', async (query) => {
    const added = query === '' ? 'by the proxy' : null
    const first = await visitor.get(`/proxied?n=2${query}`)
    expect(shown(first)).toEqual([JSON.stringify([2, added])])
    expect(first.setCookies.map((line) => line.split('=', 1)[0]).sort()).toEqual(['csrftoken', 'sessionid'])
    const before = key()
    expect(shown(await visitor.get(`/proxied?n=3&cycle${query}`))).toEqual([JSON.stringify([3, added])])
    expect(key()).not.toBe(before)
  })

  test('a session that cannot be stored is a 503', async () => {
    await engine('create')
    const response = await visitor.get('/proxied?n=2')
    expect([response.status, response.headers['retry-after']]).toEqual([503, '1'])
  })

  test('a guard sends to the login page, which knows where to go on', async () => {
    const response = await visitor.get('/guarded?a=b')
    expect([response.status, response.headers.location]).toEqual([302, '/login?next=/guarded%3Fa%3Db'])
  })
})

describe('the Pages Router', () => {
  test('an API handler has its session, which is stored before its answer', async () => {
    expect((await visitor.get('/api/count')).status).toBe(201)
    expect((await visitor.get('/api/count')).json().n).toBe(2)
    expect((await visitor.get('/api/count?leave')).status).toBe(303)
    expect(await stored()).toBe(3)
  })

  test('a form that Next has parsed is checked', async () => {
    expect((await visitor.post('/api/count', { text: 'hello' })).status).toBe(403)
    await visitor.get('/form')
    expect((await visitor.post('/api/count', { text: 'hello' })).json<{ body: unknown }>().body).toMatchObject({
      text: 'hello',
    })
  })

  test('getServerSideProps has its session and the token of a form', async () => {
    const first = await visitor.get('/props')
    expect(shown(first)).toEqual(['1'])
    expect(first.setCookies.map((line) => line.split('=', 1)[0]).sort()).toEqual(['csrftoken', 'sessionid'])
    expect((await visitor.get('/props?leave')).status).toBe(307)
    expect(await stored()).toBe(2)
  })

  test.each(['/api/count', '/props'])('a session that cannot be loaded or stored is a 503 (%s)', async (path) => {
    await engine('create')
    expect((await visitor.get(path)).status).toBe(503)
    await engine()
    await visitor.get(path)
    await engine('load')
    const response = await visitor.get(path)
    expect([response.status, response.headers['retry-after'], response.setCookies]).toEqual([503, '1', []])
  })

  test('a handler that fails stores nothing', async () => {
    await visitor.get('/api/count')
    expect((await visitor.get('/api/count?fail')).status).toBe(500)
    expect(await stored()).toBe(1)
  })
})
