import type { IncomingMessage, ServerResponse } from 'node:http'
import { text } from 'node:stream/consumers'
import { Client, type Served, serve, serveFetch } from 'sojourn/testing'
import { afterEach, expect, test } from 'vitest'

const opened: { close(): unknown }[] = []
afterEach(async () => {
  for (const each of opened.splice(0)) await each.close()
})

async function visit(listener: (request: IncomingMessage, response: ServerResponse) => void): Promise<Client> {
  return clientOf(await serve(listener))
}

function clientOf(served: Served): Client {
  const client = new Client(served.origin)
  opened.push(client, served)
  return client
}

test('cookies of an answer go with the next request', async () => {
  const client = await visit((request, response) => {
    response.setHeader('Set-Cookie', ['a=1; Path=/', 'b=2; Path=/elsewhere'])
    response.end(request.headers.cookie ?? 'none')
  })
  const first = await client.get('/')
  expect(first.text).toBe('none')
  expect(first.setCookies).toEqual(['a=1; Path=/', 'b=2; Path=/elsewhere'])
  expect((await client.get('/')).text).toBe('a=1')
})

test('a form is sent with the token of the last page that had one', async () => {
  const client = await visit(async (request, response) => {
    if (request.method === 'POST') response.end(await text(request))
    else response.end(`<form><input type="hidden" value="Tok3n" name="csrfmiddlewaretoken"></form>`)
  })
  expect((await client.post('/', { a: '1' })).text).toBe('a=1')
  await client.get('/')
  expect(client.token).toBe('Tok3n')
  expect((await client.post('/', { a: '1 2' })).text).toBe('a=1+2&csrfmiddlewaretoken=Tok3n')
  expect((await client.post('/', { csrfmiddlewaretoken: 'other' })).text).toBe('csrfmiddlewaretoken=other')
})

test('a redirect is followed when asked, and its cookie goes along', async () => {
  const client = await visit((request, response) => {
    if (request.url === '/') response.writeHead(302, { Location: '/next', 'Set-Cookie': 'a=1; Path=/' }).end()
    else response.end(`${request.url} ${request.headers.cookie}`)
  })
  expect((await client.get('/')).status).toBe(302)
  expect((await client.follow('/')).text).toBe('/next a=1')
})

test('a Fetch handler is served with its method, headers and body, and its answer arrives whole', async () => {
  const handler = async (request: Request): Promise<Response> => {
    const headers = new Headers({ 'X-Method': request.method })
    headers.append('Set-Cookie', 'a=1; Path=/')
    headers.append('Set-Cookie', 'b=2; Path=/')
    return new Response(`${new URL(request.url).pathname} ${request.headers.get('cookie')} ${await request.text()}`, {
      status: 201,
      headers,
    })
  }
  const client = clientOf(await serveFetch(handler))
  await client.get('/')
  const response = await client.post('/form', { c: '3' })
  expect([response.status, response.text]).toEqual([201, '/form a=1; b=2 c=3'])
  expect(response.setCookies).toEqual(['a=1; Path=/', 'b=2; Path=/'])
  const head = await client.request('HEAD', '/')
  expect([head.headers['x-method'], head.text]).toEqual(['HEAD', ''])
})

test('a server that was closed holds no port and no connection', async () => {
  const served = await serve((_, response) => void response.end('there'))
  const client = new Client(served.origin)
  expect((await client.get('/')).text).toBe('there')
  await served.close()
  await expect(client.get('/')).rejects.toThrow()
  client.close()
})
