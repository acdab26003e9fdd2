import { type Site, sojourn } from 'sojourn'
import { Client, type ClientResponse, serve } from 'sojourn/testing'
import { afterEach, expect, test } from 'vitest'
import { createApp } from '../../examples/site/app.js'
import { demoUsers, ensureDemoUsers } from '../../examples/site/users.js'

const opened: (() => unknown)[] = []
afterEach(async () => {
  for (const close of opened.splice(0).reverse()) await close()
})

const [ada] = demoUsers as [(typeof demoUsers)[0]]

/** The demonstration site, with somebody logged in. */
async function loggedIn(): Promise<{ readonly site: Site; readonly visitor: Client }> {
  const site = sojourn({
    secretKey: 'a secret of the tests, of more than fifty characters in all',
    databases: { default: 'sqlite::memory:' },
    loginUrl: '/login',
    pbkdf2Iterations: 1000,
    sessionUserIndex: true,
  })
  opened.push(() => site.close())
  await ensureDemoUsers(site)
  const served = await serve(createApp(site))
  opened.push(() => served.close())
  const visitor = new Client(served.origin)
  opened.push(() => visitor.close())
  await visitor.get('/login')
  expect((await visitor.post('/login', { ...ada })).status).toBe(303)
  return { site, visitor }
}

const isIn = async (visitor: Client): Promise<boolean> => (await visitor.get('/')).text.includes('Hello, ada')
const endings = ({ setCookies }: ClientResponse): readonly string[] =>
  setCookies.filter((line) => line.startsWith('sessionid='))

test.each(['GET', 'HEAD', 'OPTIONS'])('T42: %s /logout logs nobody out', async (method) => {
  const { visitor } = await loggedIn()
  const key = visitor.cookies.get('sessionid')
  const headers = { 'Sec-Fetch-Site': 'cross-site', 'Sec-Fetch-Dest': 'image' }
  for (const path of ['/logout', '/logout/', '/logout?next=/', '/logout?_method=POST']) {
    const answer = await visitor.request(method, path, { headers })
    // OPTIONS tells what there is, and does nothing.
    expect([path, answer.status]).toEqual([path, expect.toBeOneOf(method === 'OPTIONS' ? [200, 204, 404] : [404, 405])])
    expect(endings(answer)).toEqual([])
  }
  expect(visitor.cookies.get('sessionid')).toBe(key)
  expect(await isIn(visitor)).toBe(true)
})

test('T42: a POST from elsewhere is 403, and the session goes on', async () => {
  const { visitor } = await loggedIn()
  await visitor.get('/')
  const token = visitor.token as string
  const attacks: readonly (readonly [string, Record<string, string>, Record<string, string>])[] = [
    ['without a token', { csrfmiddlewaretoken: '' }, {}],
    ['cross-site, without a token', { csrfmiddlewaretoken: '' }, { Origin: 'https://evil.example' }],
    ['cross-site, with a token even', { csrfmiddlewaretoken: token }, { Origin: 'https://evil.example' }],
    ['cross-site by fetch metadata', { csrfmiddlewaretoken: token }, { 'Sec-Fetch-Site': 'cross-site' }],
    ['from a sibling', { csrfmiddlewaretoken: token }, { 'Sec-Fetch-Site': 'same-site' }],
    ['from a sandboxed frame', { csrfmiddlewaretoken: token }, { Origin: 'null' }],
    ['with the token in the address', { csrfmiddlewaretoken: '' }, { 'X-Method': 'POST' }],
  ]
  for (const [how, form, headers] of attacks) {
    const path = how.includes('address') ? `/logout?csrfmiddlewaretoken=${token}` : '/logout'
    const answer = await visitor.post(path, form, { headers })
    expect([how, answer.status, endings(answer)]).toEqual([how, 403, []])
  }
  const overridden = await visitor.post('/logout', { _method: 'GET', csrfmiddlewaretoken: '' })
  expect(overridden.status).toBe(403)
  expect(await isIn(visitor)).toBe(true)
})

test('T42: the form of the site itself does end it, so that the refusals mean something', async () => {
  const { visitor } = await loggedIn()
  const key = visitor.cookies.get('sessionid') as string
  await visitor.get('/')
  expect((await visitor.post('/logout')).status).toBe(303)
  expect(await isIn(visitor)).toBe(false)
  visitor.cookies.set('sessionid', key)
  expect(await isIn(visitor)).toBe(false)
})
