import formbody from '@fastify/formbody'
import multipart from '@fastify/multipart'
import type { FastifyInstance, FastifyRequest } from 'fastify'
import { csrfExempt, csrfProtect, getToken, sojourn } from 'sojourn/fastify'
import type { Client } from 'sojourn/testing'
import { describe, expect, test } from 'vitest'
import { type Standing, standing } from './fastify-site.js'

const fieldOf = async (request: FastifyRequest) => {
  const { a } = (request.body ?? {}) as { a?: string | { value: string } }
  return { a: typeof a === 'object' ? a.value : a }
}

/** A page that gives a token, and one that takes forms. */
async function formSite({ app, visitor }: Standing, post: object = {}): Promise<[Client, string]> {
  app.get('/', async (request) => getToken(request))
  app.post('/', post, fieldOf)
  const client = await visitor()
  return [client, (await client.get('/')).text]
}

const post = (client: Client, type: string, body: string, headers = {}) =>
  client.request('POST', '/', { body, headers: { 'Content-Type': type, ...headers } })

const parts = (fields: Record<string, string>): string =>
  `${Object.entries(fields)
    .map(([name, value]) => `--limit\r\nContent-Disposition: form-data; name="${name}"\r\n\r\n${value}\r\n`)
    .join('')}--limit--\r\n`

const FORM = 'application/x-www-form-urlencoded'
const MULTIPART = 'multipart/form-data; boundary=limit'

describe.each(['before', 'after'])('with the parsers registered %s sojourn', (order) => {
  const register = ({ app, site }: Standing, ...parsers: ((app: FastifyInstance) => unknown)[]): void => {
    if (order === 'after') app.register(sojourn(site))
    for (const parser of parsers) parser(app)
    if (order === 'before') app.register(sojourn(site))
  }

  test('the token is found in a form, and in JSON', () =>
    standing(async (standing) => {
      register(standing, (app) => app.register(formbody))
      const [client, token] = await formSite(standing)
      const passed = await post(client, FORM, `a=1&csrfmiddlewaretoken=${token}`)
      expect([passed.status, passed.json()]).toMatchObject([200, { a: '1' }])
      const json = (field: string) => post(client, 'application/json', JSON.stringify({ csrfmiddlewaretoken: field }))
      expect((await json(token)).status).toBe(200)
      for (const wrong of [await post(client, FORM, 'a=1'), await json('wrong')]) {
        expect([wrong.status, wrong.headers['content-type']]).toEqual([403, 'text/html; charset=utf-8'])
      }
    }))

  test('of two token fields the last counts, as in Django', () =>
    standing(async (standing) => {
      register(standing, (app) => app.register(formbody))
      const [client, token] = await formSite(standing)
      const form = (...tokens: string[]) => tokens.map((each) => `csrfmiddlewaretoken=${each}`).join('&')
      expect((await post(client, FORM, form('wrong', token))).status).toBe(200)
      expect((await post(client, FORM, form(token, 'wrong'))).status).toBe(403)
    }))

  test.each([true, 'keyValues'] as const)(
    'the token is found in a multipart form (attachFieldsToBody: %j)',
    (attachFieldsToBody) =>
      standing(async (standing) => {
        register(standing, (app) => app.register(multipart, { attachFieldsToBody }))
        const [client, token] = await formSite(standing)
        expect((await post(client, MULTIPART, parts({ a: '1', csrfmiddlewaretoken: token }))).status).toBe(200)
        expect((await post(client, MULTIPART, parts({ a: '1' }))).status).toBe(403)
      }),
  )

  test('a multipart form that is left to its handler is a 400 that says what to do, unless the token is in the header', () =>
    standing(async (standing) => {
      register(standing, (app) => app.register(multipart))
      const [client, token] = await formSite(standing)
      const refused = await post(client, MULTIPART, parts({ csrfmiddlewaretoken: token }))
      expect([refused.status, refused.json().code]).toEqual([400, 'body_not_parsed'])
      expect(refused.json().message).toContain("attachFieldsToBody: 'keyValues'")
      const passed = await post(client, MULTIPART, parts({ a: '1' }), { 'X-CSRFToken': token })
      expect(passed.status).toBe(200)
    }))
})

test('a schema that knows nothing of the token takes it away, and not before it was seen', () =>
  standing(async (standing) => {
    const { app, site } = standing
    app.register(formbody)
    app.register(sojourn(site))
    const schema = { body: { type: 'object', properties: { a: { type: 'string' } }, additionalProperties: false } }
    const [client, token] = await formSite(standing, { schema })
    const passed = await post(client, FORM, `a=1&csrfmiddlewaretoken=${token}`)
    expect([passed.status, passed.json()]).toEqual([200, { a: '1' }])
    expect((await post(client, FORM, 'a=1')).status).toBe(403)
  }))

test('a form for which the app has no parser is refused by Fastify: 415', () =>
  standing(async (standing) => {
    standing.app.register(sojourn(standing.site))
    const [client, token] = await formSite(standing)
    expect((await post(client, FORM, `csrfmiddlewaretoken=${token}`)).status).toBe(415)
  }))

test('a hook of an earlier plugin can let a request pass', () =>
  standing(async (standing) => {
    const { app, site } = standing
    app.addHook('onRequest', async (request) => {
      if (request.headers['x-hook'] === 'yes') csrfExempt(request)
    })
    app.register(sojourn(site))
    const [client] = await formSite(standing)
    expect((await post(client, 'application/json', '{}', { 'X-Hook': 'yes' })).status).toBe(200)
    expect((await post(client, 'application/json', '{}')).status).toBe(403)
  }))

test('csrfProtect guards single routes, where the site does not check by itself', () =>
  standing(
    async (standing) => {
      const { app, site } = standing
      app.register(formbody)
      app.register(sojourn(site))
      app.post('/free', fieldOf)
      const [client, token] = await formSite(standing, { preHandler: csrfProtect })
      expect((await post(client, FORM, `csrfmiddlewaretoken=${token}`)).status).toBe(200)
      expect((await post(client, FORM, 'a=1')).status).toBe(403)
      expect((await client.request('POST', '/free')).status).toBe(200)
    },
    {},
    { middleware: ['sessions', 'auth', 'messages'] },
  ))
