import { userBackend } from 'sojourn/auth'
import { memoryEngine } from 'sojourn/engines/memory'
import { type ClientResponse, watched } from 'sojourn/testing'
import { describe, expect, test, vi } from 'vitest'
import { demoUsers } from '../../examples/site/users.js'
import {
  ada,
  add,
  dataOf,
  faultsIn,
  isLoggedIn,
  logIn,
  messagesIn,
  opened,
  submit,
  visit,
  visitorOf,
} from './site-visit.js'

const ENGINES = ['db', 'memory', 'signed_cookies'] as const
const GOOD = { username: 'mary.s+1@post', password: 'a tale of 1818', again: 'a tale of 1818' }

/** The attributes of the field of a page. */
const fieldIn = ({ text }: ClientResponse, name: string): string =>
  new RegExp(`<input id="${name}"[^>]*>`).exec(text)?.[0] ?? ''

describe('registration', () => {
  test.each(ENGINES)('logs in under a new key, and the cart comes along, on the engine %s', async (sessionEngine) => {
    const { site, visitor } = await visit({ sessionEngine })
    await add(visitor, 'mug')
    const before = visitor.cookies.get('sessionid') as string
    const answer = await submit(visitor, '/register', '/register', GOOD)
    expect([answer.status, answer.headers.location]).toEqual([303, '/'])
    expect(visitor.cookies.get('sessionid')).not.toBe(before)
    expect(await dataOf(visitor)).toMatchObject({ cart: { mug: 1 }, username: GOOD.username, _auth_user_id: '3' })
    expect(messagesIn(await visitor.get('/'))).toEqual([
      ['welcome success', `Welcome to Waypost, ${GOOD.username}! Your account is made, and you are logged in.`],
    ])
    expect(await isLoggedIn(visitor)).toBe(true)

    const known = await userBackend(site).getByUsername(GOOD.username)
    expect(known).toMatchObject({ isActive: true, isStaff: false, isSuperuser: false })
    expect(known?.password).toMatch(/^pbkdf2_sha256\$/)
    // Who knew the key before knows nothing now.
    if (sessionEngine === 'signed_cookies') return
    visitor.cookies.set('sessionid', before)
    expect(await dataOf(visitor)).toEqual({})
  })

  test('is found from the login page and back, and goes where one wanted to go', async () => {
    const { visitor } = await visit()
    const login = await visitor.get('/login?next=/checkout%3Fa%3D1%26b')
    expect(login.text).toContain('href="/register?next=%2Fcheckout%3Fa%3D1%26b"')
    const page = await visitor.get('/register?next=%2Fcheckout%3Fa%3D1%26b')
    expect(page.text).toContain('href="/login?next=%2Fcheckout%3Fa%3D1%26b"')
    expect(page.text).toContain('name="next" value="/checkout?a=1&amp;b"')
    const answer = await visitor.post('/register', { ...GOOD, next: '/checkout?a=1&b' })
    expect(answer.headers.location).toBe('/checkout?a=1&b')
  })

  test.each(['//evil.example/', 'https://evil.example/', 'javascript:alert(1)'])(
    'goes nowhere else afterwards: %s',
    async (next) => {
      const { visitor } = await visit()
      const page = await visitor.get(`/register?next=${encodeURIComponent(next)}`)
      expect(page.text).not.toContain('evil')
      expect((await visitor.post('/register', { ...GOOD, next })).headers.location).toBe('/')
    },
  )

  const short = 'A password has at least 8 characters.'
  test.each<[what: string, fields: Partial<typeof GOOD>, faults: Readonly<Record<string, string>>]>([
    ['no name', { username: ' ' }, { username: 'Please choose a user name.' }],
    [
      'a name of 151 characters',
      { username: 'é'.repeat(151) },
      { username: 'A user name has at most 150 characters.' },
    ],
    [
      'a name that grows beyond 150',
      { username: 'ﷺ'.repeat(9) },
      { username: 'A user name has at most 150 characters.' },
    ],
    [
      'a blank in the name',
      { username: 'a b' },
      { username: 'Only letters, digits and @ . + - _ can be in a user name.' },
    ],
    [
      'HTML for a name',
      { username: '"><b>' },
      { username: 'Only letters, digits and @ . + - _ can be in a user name.' },
    ],
    ['a short password', { password: 'tale 18', again: 'tale 18' }, { password: short }],
    ['seven characters of two halves each', { password: '🐦'.repeat(7), again: '🐦'.repeat(7) }, { password: short }],
    ['digits alone', { password: '18180101', again: '18180101' }, { password: 'Digits alone are too easy to guess.' }],
    [
      'the name for a password',
      { password: 'Mary.S+1@POST', again: 'Mary.S+1@POST' },
      { password: 'Your user name is the first thing that somebody would try.' },
    ],
    ['two passwords', { again: 'a tale of 1819' }, { again: 'The two passwords are not the same.' }],
    [
      'nothing at all',
      { username: '', password: '', again: '' },
      { username: 'Please choose a user name.', password: short },
    ],
    ['a short password for a name that is taken', { username: 'ada', password: '', again: '' }, { password: short }],
    ['a name that is taken', { username: 'ada' }, { username: 'That user name is taken.' }],
    ['a taken name in wide letters', { username: ' ａｄａ ' }, { username: 'That user name is taken.' }],
  ])('refuses %s, beside its field', async (_, fields, faults) => {
    const { site, visitor } = await visit()
    const given = { ...GOOD, ...fields }
    const answer = await submit(visitor, '/register', '/register', given)
    expect(answer.status).toBe(400)
    expect(faultsIn(answer)).toEqual(faults)
    for (const name of Object.keys(GOOD)) {
      const field = fieldIn(answer, name)
      const fault = Object.hasOwn(faults, name)
      expect([name, field.includes(`aria-describedby="${name}-fault`), field.includes('aria-invalid="true"')]).toEqual([
        name,
        fault,
        fault,
      ])
      // One field has the focus: the first that is to be mended.
      expect([name, field.includes(' autofocus')]).toEqual([name, name === Object.keys(faults)[0]])
    }
    // The name is kept, and no password ever comes back.
    const escaped = given.username.replace('"', '&quot;').replace('<', '&lt;').replaceAll('>', '&gt;')
    if (given.username !== '') expect(fieldIn(answer, 'username')).toContain(` value="${escaped}"`)
    if (given.password !== '') expect(answer.text).not.toContain(`value="${given.password}"`)
    expect(answer.setCookies.join()).not.toContain('sessionid')
    expect(await userBackend(site).getUser('3')).toBeNull()
  })

  test('takes a name of 150 letters of any script, normalised', async () => {
    const { site, visitor } = await visit()
    const username = `Ｍary\u0065\u0301${'字'.repeat(144)}`
    expect((await submit(visitor, '/register', '/register', { ...GOOD, username })).status).toBe(303)
    expect((await userBackend(site).getUser('3'))?.username).toBe(`Mary\u00e9${'字'.repeat(144)}`)
  })

  test('a field that came twice is as one that did not come', async () => {
    const { visitor } = await visit()
    await visitor.get('/register')
    const twice = (name: string): string => `${name}=sums and tables&${name}=sums and fables`
    const body = `username=mary&${twice('password')}&${twice('again')}&csrfmiddlewaretoken=${visitor.token}`
    const headers = { 'Content-Type': 'application/x-www-form-urlencoded' }
    const answer = await visitor.request('POST', '/register', { body, headers })
    expect(answer.status).toBe(400)
    expect(faultsIn(answer)).toEqual({ password: short })
  })

  test('of two at once one gets the name, and the other is told', async () => {
    const { site, served } = await visit()
    const visitors = [visitorOf(served), visitorOf(served)]
    const answers = await Promise.all(visitors.map((each) => submit(each, '/register', '/register', GOOD)))
    expect(answers.map(({ status }) => status).sort()).toEqual([303, 400])
    expect(await userBackend(site).getUser('4')).toBeNull()
  })

  test('makes nobody while the visitor’s session cannot be reached', async () => {
    const engine = watched(memoryEngine(), { delay: 0 })
    const { site, visitor } = await visit({ sessionEngine: engine })
    await add(visitor, 'mug')
    await visitor.get('/register')
    const log = vi.spyOn(console, 'error').mockReturnValue(undefined)
    opened.push(() => log.mockRestore())
    engine.fail = ['load']
    expect((await visitor.post('/register', GOOD)).status).toBe(503)
    engine.fail = []
    expect(await userBackend(site).getUser('3')).toBeNull()
    expect((await visitor.post('/register', GOOD)).status).toBe(303)
    expect(await dataOf(visitor)).toMatchObject({ cart: { mug: 1 } })
  })
})

describe('a new password', () => {
  const NEW = { current: ada.password, password: 'notes on the engine', again: 'notes on the engine' }
  const changed = { ...ada, password: NEW.password }

  test('is for who is logged in, and found from preferences and devices', async () => {
    const { visitor } = await visit()
    expect((await visitor.get('/preferences')).text).not.toContain('href="/password"')
    expect((await visitor.get('/password')).headers.location).toBe('/login?next=/password')
    const refused = await submit(visitor, '/login', '/password', NEW)
    expect([refused.status, refused.headers.location]).toEqual([302, '/login?next=/password'])
    await logIn(visitor)
    expect((await visitor.get('/preferences')).text).toContain('href="/password"')
    expect((await visitor.get('/devices')).text).toContain('href="/password"')
  })

  describe.each([
    ...ENGINES.map((sessionEngine) => ({ sessionEngine, sessionUserIndex: true })),
    ...ENGINES.map((sessionEngine) => ({ sessionEngine, sessionUserIndex: false })),
  ])('on the engine $sessionEngine, with the list of sessions: $sessionUserIndex', (settings) => {
    test('ends the other session and keeps this one, under a new key', async () => {
      const { served, visitor } = await visit(settings)
      const [other, grace] = [visitorOf(served), visitorOf(served)]
      await logIn(other)
      await logIn(visitor)
      await logIn(grace, demoUsers[1])
      await add(visitor, 'mug')
      const before = visitor.cookies.get('sessionid') as string

      const answer = await submit(visitor, '/password', '/password', NEW)
      expect([answer.status, answer.headers.location]).toEqual([303, '/password'])
      expect(messagesIn(await visitor.get('/password')).at(-1)).toEqual([
        'security success',
        'Your password is changed, and all your other sessions are ended.',
      ])
      expect(await dataOf(visitor)).toMatchObject({ cart: { mug: 1 }, username: 'ada', _auth_user_id: '1' })
      expect(visitor.cookies.get('sessionid')).not.toBe(before)
      const thief = visitorOf(served)
      thief.cookies.set('sessionid', before)
      expect(await Promise.all([visitor, other, grace, thief].map(isLoggedIn))).toEqual([true, false, true, false])

      expect((await logIn(other)).status).toBe(400)
      expect((await logIn(other, changed)).status).toBe(303)
      // And one more time: the session goes on as any other.
      const again = { current: NEW.password, password: ada.password, again: ada.password }
      expect((await submit(visitor, '/password', '/password', again)).status).toBe(303)
      expect(await Promise.all([visitor, other].map(isLoggedIn))).toEqual([true, false])
    })
  })

  test('takes the others off the list of devices at once', async () => {
    const { served, visitor } = await visit()
    await logIn(visitorOf(served))
    await logIn(visitor)
    await submit(visitor, '/password', '/password', NEW)
    const { text } = await visitor.get('/devices')
    expect(text.match(/<li class="device"/g)).toHaveLength(1)
    expect(text).toContain('<li class="device" aria-current="true">')
  })

  test.each<[what: string, fields: Partial<typeof NEW>, faults: Readonly<Record<string, string>>]>([
    ['a wrong current password', { current: 'demo-ada-1816' }, { current: 'That is not your current password.' }],
    [
      'the password of somebody else',
      { current: (demoUsers[1] as typeof ada).password },
      { current: 'That is not your current password.' },
    ],
    ['no current password', { current: '' }, { current: 'That is not your current password.' }],
    ['a short one', { password: 'ada', again: 'ada' }, { password: 'A password has at least 8 characters.' }],
    ['digits alone', { password: '18151210', again: '18151210' }, { password: 'Digits alone are too easy to guess.' }],
    ['two of them', { again: 'notes on the loom' }, { again: 'The two passwords are not the same.' }],
  ])('refuses %s, beside its field, and all sessions go on', async (_, fields, faults) => {
    const { served, visitor } = await visit()
    const other = visitorOf(served)
    await logIn(other)
    await logIn(visitor)
    const answer = await submit(visitor, '/password', '/password', { ...NEW, ...fields })
    expect(answer.status).toBe(400)
    expect(faultsIn(answer)).toEqual(faults)
    for (const name of Object.keys(NEW)) {
      const fault = Object.hasOwn(faults, name)
      expect([name, fieldIn(answer, name).includes(`aria-describedby="${name}-fault`)]).toEqual([name, fault])
      expect(fieldIn(answer, name)).not.toContain('value=')
    }
    expect(await Promise.all([visitor, other].map(isLoggedIn))).toEqual([true, true])
    expect((await logIn(visitorOf(served))).status).toBe(303)
  })

  test('refuses the user’s own name', async () => {
    const { visitor } = await visit()
    await submit(visitor, '/register', '/register', GOOD)
    const fields = { current: GOOD.password, password: GOOD.username, again: GOOD.username }
    expect(faultsIn(await submit(visitor, '/password', '/password', fields))).toHaveProperty('password')
  })

  test('cannot be guessed at more often than a login', async () => {
    const tried: string[] = []
    const loginThrottle = {
      retryAfter: ({ username }: { username: string }) => (tried.push(username) > 2 ? 60 : 0),
    }
    const { visitor } = await visit({ loginThrottle })
    await logIn(visitor)
    const guess = () => submit(visitor, '/password', '/password', { ...NEW, current: 'demo-ada-1816' })
    expect([(await guess()).status, (await guess()).status]).toEqual([400, 429])
    expect(tried).toEqual(['ada', 'ada', 'ada'])
  })

  test('that is refused leaves a weaker hash, which this session is bound to, as it is', async () => {
    const { site, visitor } = await visit({ pbkdf2Iterations: 500 })
    await logIn(visitor)
    const users = userBackend(site)
    const before = (await users.getUser('1'))?.password
    const answer = await submit(visitor, '/password', '/password', { ...NEW, password: 'ada', again: 'ada' })
    expect(answer.status).toBe(400)
    expect((await users.getUser('1'))?.password).toBe(before)
    expect(await isLoggedIn(visitor)).toBe(true)
  })
})

test('a cart that is full of one thing says so, and an empty one is no order', async () => {
  const { visitor } = await visit()
  await add(visitor, 'mug')
  await submit(visitor, '/cart', '/cart/change', { item: 'mug', quantity: '99' })
  await visitor.get('/')
  await add(visitor, 'mug')
  expect(messagesIn(await visitor.get('/'))).toEqual([
    ['warning', '99 of one thing is the most that a cart holds: Enamel mug.'],
  ])
  await submit(visitor, '/cart', '/cart/remove', { item: 'mug' })
  await logIn(visitor)
  await visitor.get('/')
  await visitor.post('/checkout')
  expect(messagesIn(await visitor.get('/'))).toEqual([['warning', 'Nothing was ordered: your cart is empty.']])
})
