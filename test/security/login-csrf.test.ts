import { describe, expect, test } from 'vitest'
import { authenticate, csrfInput, getUser, login } from '../../src/adapters/api.js'
import { userBackend } from '../../src/auth/part.js'
import type { Routes } from '../../src/testing/index.js'
import { everywhere, methodOf, standing } from './everywhere.js'

const HOST = 'shop.example.com'
const routes: Routes = {
  '/': async ({ request }) => (await getUser(request))?.username ?? 'nobody',
  '/login': async ({ request, query }) => {
    if (methodOf(request) === 'GET') return `<form method="post">${csrfInput(request)}</form>`
    const user = await authenticate(request, { username: query.get('as'), password: query.get('password') })
    if (user !== null) await login(request, user)
    return user?.username ?? 'nobody'
  },
}

describe.each(everywhere)('over %s', (adapter) => {
  describe.each([
    ['in a cookie', false],
    ['in the session', true],
  ])('with the secret of forms %s', (_, csrfUseSessions) => {
    test('T41: an attacker’s page cannot log the victim into the attacker’s account, who has no session yet', async () => {
      await using shop = await standing(adapter, { csrfUseSessions, allowedHosts: [HOST] }, routes)
      await userBackend(shop.site).createUser('mallory', 'correct horse')
      const entered: unknown[] = []
      shop.site.on('user_logged_in', ({ user }) => entered.push(user))
      const attacker = shop.visitor()
      const own = { Host: HOST }
      await attacker.get('/login', { headers: own })
      const rows = shop.keys()
      const bait = '/login?as=mallory&password=correct+horse'
      const tossed = `csrftoken=${attacker.cookies.get('csrftoken') ?? 'A'.repeat(32)}`
      const token = { csrfmiddlewaretoken: attacker.token as string }
      const none = { csrfmiddlewaretoken: '' }
      const attempts: readonly (readonly [string, Record<string, string>, Record<string, string>])[] = [
        ['without a token', none, {}],
        ['with the attacker’s own token', token, {}],
        ['with a made-up token', { csrfmiddlewaretoken: 'A'.repeat(64) }, {}],
        ['from another site', token, { Origin: 'https://evil.example', 'Sec-Fetch-Site': 'cross-site' }],
        ['from another site that hides its name', token, { Origin: 'null', 'Sec-Fetch-Site': 'cross-site' }],
        ['from a sibling that planted the cookie', token, { Cookie: tossed, 'Sec-Fetch-Site': 'same-site' }],
        ['from a sibling in an old browser', token, { Cookie: tossed, Origin: 'http://evil.example.com' }],
        ['as plain text', none, { 'Content-Type': 'text/plain' }],
        ['as JSON', none, { 'Content-Type': 'application/json' }],
      ]
      for (const [how, form, headers] of attempts) {
        const victim = shop.visitor()
        const answer = await victim.post(bait, form, { headers: { ...own, ...headers } })
        expect([how, answer.status]).toEqual([how, 403])
        expect([how, answer.setCookies.filter((line) => /sessionid/.test(line))]).toEqual([how, []])
        expect([how, (await victim.get('/', { headers: own })).text]).toEqual([how, 'nobody'])
      }
      expect(shop.keys()).toEqual(rows)
      expect(entered).toEqual([])
      // The control: the form of the site itself.
      const victim = shop.visitor()
      await victim.get('/login', { headers: own })
      const good = await victim.post(bait, {}, { headers: { ...own, Origin: `http://${HOST}` } })
      expect([good.status, good.text]).toEqual([200, 'mallory'])
      expect(entered).toHaveLength(1)
    })
  })
})
