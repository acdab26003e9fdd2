import { expect, test } from 'vitest'
import { authenticate, type Credentials, type LoginAttempt, type LoginThrottle } from '../../src/auth/index.js'
import { LoginThrottled } from '../../src/errors.js'
import { authSite, visit } from './site.js'

/** Lets three tries of a name through. */
function threeTries() {
  const tried: string[] = []
  const told: string[] = []
  const loginThrottle: LoginThrottle = {
    retryAfter({ username }: LoginAttempt) {
      tried.push(username)
      return tried.filter((name) => name === username).length > 3 ? 29.5 : 0
    },
    failed: async ({ username, address }) => void told.push(`failed ${username} ${address}`),
    succeeded: ({ username }) => void told.push(`succeeded ${username}`),
  }
  return { loginThrottle, tried, told }
}

test('who tries too often is refused before the password is looked at, whatever it is', async () => {
  const { loginThrottle, told } = threeTries()
  const { site, users } = authSite({ loginThrottle })
  await users.createUser('ann', 'secret')
  let looked = 0
  const { authenticate: look } = users
  users.authenticate = (credentials) => {
    looked++
    return look.call(users, credentials)
  }
  const attempt = async (username: unknown, password: string) =>
    (await visit(site, { address: '192.0.2.1' }, (request) => authenticate(request, { username, password }))).result
  for (let i = 0; i < 3; i++) expect(await attempt('ann', 'wrong')).toBeNull()
  await expect(attempt('ann', 'secret')).rejects.toMatchObject({
    status: 429,
    retryAfter: 30,
    headers: { 'Retry-After': '30' },
  })
  await expect(attempt('ＡＮＮ', 'secret')).rejects.toBeInstanceOf(LoginThrottled)
  expect(looked).toBe(3)
  expect(await attempt('bob', 'x')).toBeNull()
  expect(told).toEqual([...Array(3).fill('failed ann 192.0.2.1'), 'failed bob 192.0.2.1'])
})

test.each([Number.NaN, Number.POSITIVE_INFINITY, undefined])(
  'a throttle that says %s lets nobody pass',
  async (said) => {
    const { site, users } = authSite({ loginThrottle: { retryAfter: () => said as number } })
    await users.createUser('ann', 'secret')
    const attempt = visit(site, {}, (request) => authenticate(request, { username: 'ann', password: 'secret' }))
    await expect(attempt).rejects.toThrow(/number of seconds/)
  },
)

test('a hundred attempts at once are a hundred', async () => {
  const { loginThrottle } = threeTries()
  const { site, users } = authSite({ loginThrottle })
  await users.createUser('ann', 'secret')
  const attempts = Array.from({ length: 100 }, () =>
    visit(site, {}, (request) => authenticate(request, { username: 'ann', password: 'wrong' })),
  )
  const outcomes = await Promise.allSettled(attempts)
  expect(outcomes.filter(({ status }) => status === 'fulfilled')).toHaveLength(3)
})

test('a success is told, an attempt without a name has an empty one, and each failure is an event', async () => {
  const { loginThrottle, told, tried } = threeTries()
  const { site, users } = authSite({ loginThrottle })
  await users.createUser('ann', 'secret')
  let failures = 0
  site.on('user_login_failed', () => failures++)
  const attempt = (credentials: Credentials) => visit(site, {}, (request) => authenticate(request, credentials))
  await attempt({ username: 'ann', password: 'secret' })
  for (let i = 0; i < 3; i++) await attempt({})
  await expect(attempt({ username: 7 })).rejects.toBeInstanceOf(LoginThrottled)
  expect([told[0], tried, failures]).toEqual(['succeeded ann', ['ann', '', '', '', ''], 4])
})

test('whom a proxy names is not counted', async () => {
  const { loginThrottle, tried } = threeTries()
  const authenticationBackends = ['django.contrib.auth.backends.RemoteUserBackend'] as const
  const { site } = authSite({ loginThrottle, authenticationBackends, remoteUserHeader: 'X-Remote-User' })
  for (let i = 0; i < 5; i++) await visit(site, { headers: { 'x-remote-user': 'ann' } }, () => undefined)
  expect(tried).toEqual([])
})
