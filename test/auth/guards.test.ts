import { createServer, type IncomingMessage, type ServerResponse } from 'node:http'
import type { AddressInfo } from 'node:net'
import { describe, expect, test } from 'vitest'
import { login, loginRequired, requireLogin } from '../../src/auth/index.js'
import { Scope } from '../../src/core/scope.js'
import { requestHead } from '../support/sites.js'
import { authSite, slowly, usersDatabase, visit } from './site.js'

const refusal = async (url: string, settings = {}, options = {}, encrypted = false): Promise<string | undefined> => {
  const { site } = authSite(settings)
  const { result } = await visit(site, { url, encrypted }, (request) => requireLogin(request, options))
  expect(result?.status).toBe(302)
  return result?.headers.Location
}

describe('who is not logged in is sent to the login page', () => {
  test.each([
    ['/account', '/accounts/login/?next=/account'],
    ['/a?b=1&c=ü é', '/accounts/login/?next=/a%3Fb%3D1%26c%3D%C3%BC%20%C3%A9'],
    ["/it's(*)!~", '/accounts/login/?next=/it%27s%28%2A%29%21~'],
    ['/\r\nSet-Cookie: a=b', '/accounts/login/?next=/%0D%0ASet-Cookie%3A%20a%3Db'],
    ['//evil.example', '/accounts/login/?next=//evil.example'],
  ])('from %j', async (url, location) => {
    expect(await refusal(url)).toBe(location)
  })

  test.each([
    ['/login', '/login?next=/page'],
    ['/login?a=1', '/login?a=1&next=/page'],
    ['/login#top', '/login?next=/page#top'],
    ['http://example.com/login', 'http://example.com/login?next=/page'],
    ['https://sso.example/login', 'https://sso.example/login?next=http%3A//example.com/page'],
    ['//sso.example/login', '//sso.example/login?next=http%3A//example.com/page'],
  ])('at %s', async (loginUrl, location) => {
    expect(await refusal('/page', { loginUrl })).toBe(location)
    expect(await refusal('/page', {}, { loginUrl })).toBe(location)
  })

  test('with another name for the way back', async () => {
    expect(await refusal('/page', {}, { redirectFieldName: 'to' })).toBe('/accounts/login/?to=/page')
  })
})

test('who is logged in passes', async () => {
  const { site, users } = authSite()
  const ann = await users.createUser('ann')
  const { key } = await visit(site, {}, (request) => login(request, ann))
  expect((await visit(site, { key }, (request) => requireLogin(request))).result).toBeNull()
})

describe.each([
  ['at once', () => usersDatabase()],
  ['later', () => slowly(usersDatabase())],
] as const)('as a middleware, with users who are known %s,', (_, database) => {
  test('it redirects, passes and hands on failures', async () => {
    const users = database()
    const { site, users: table } = authSite({ database: users })
    const ann = await table.createUser('ann')
    const { key } = await visit(site, {}, (request) => login(request, ann))
    const handle = async (request: IncomingMessage, response: ServerResponse): Promise<void> => {
      const { cookie } = request.headers
      await Scope.open(site, request, requestHead(cookie === undefined ? {} : { cookie }, { url: request.url })).begin()
      loginRequired(request, response, (error) => {
        response.statusCode = error === undefined ? 200 : 503
        response.end()
      })
    }
    const server = createServer((request, response) => void handle(request, response))
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
    try {
      const address = `http://127.0.0.1:${(server.address() as AddressInfo).port}/page`
      const ask = (cookie?: string): Promise<Response> =>
        fetch(address, { redirect: 'manual', headers: cookie === undefined ? {} : { cookie } })
      const stranger = await ask()
      expect([stranger.status, stranger.headers.get('location')]).toEqual([302, '/accounts/login/?next=/page'])
      expect((await ask(`sessionid=${key}`)).status).toBe(200)
      await users.execute('DROP TABLE auth_user')
      expect((await ask(`sessionid=${key}`)).status).toBe(503)
    } finally {
      server.closeAllConnections()
      await new Promise((resolve) => server.close(resolve))
    }
  })
})
