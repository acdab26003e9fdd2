import { once } from 'node:events'
import type { IncomingMessage, ServerResponse } from 'node:http'
import { text } from 'node:stream/consumers'
import { ImproperlyConfigured } from 'sojourn'
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

test('a list is as many fields of its name', async () => {
  const client = await visit(async (request, response) => void response.end(await text(request)))
  expect((await client.post('/', { list: ['a', 'b'], one: 'c', none: [] })).text).toBe('list=a&list=b&one=c')
})

test('a form is followed to the page at the end of its redirects, with its headers and not its body', async () => {
  const client = await visit(async (request, response) => {
    const { method, url, headers } = request
    const to = { '/': '/second', '/second': '/end' }[url ?? '']
    if (to !== undefined) response.writeHead(302, { Location: to }).end()
    else response.end(`${method} ${url} ${headers['x-who']} ${headers['content-type']} [${await text(request)}]`)
  })
  const headers = { 'X-Who': 'ann' }
  expect((await client.post('/', { a: '1' }, { headers })).status).toBe(302)
  expect((await client.post('/', { a: '1' }, { headers, follow: true })).text).toBe('GET /end ann undefined []')
})

test('a redirect of 307 and 308 sends the form once more', async () => {
  const client = await visit(async (request, response) => {
    if (request.url !== '/end') response.writeHead(Number(request.url?.slice(1)), { Location: '/end' }).end()
    else response.end(`${request.method} ${await text(request)}`)
  })
  for (const path of ['/307', '/308']) {
    expect((await client.post(path, { a: '1' }, { follow: true })).text).toBe('POST a=1')
  }
})

test('redirects without an end are an error', async () => {
  const client = await visit((_, response) => void response.writeHead(302, { Location: '/' }).end())
  await expect(client.follow('/')).rejects.toThrow('without an end')
})

test('an address in the answer to what was made is no redirect', async () => {
  const client = await visit((_, response) => void response.writeHead(201, { Location: '/made' }).end('made'))
  expect((await client.post('/', {}, { follow: true })).text).toBe('made')
})

test('a redirect leads from the page that sent it', async () => {
  const client = await visit((request, response) => {
    if (request.url === '/shop/cart/') response.writeHead(302, { Location: '../done?n=1' }).end()
    else response.end(request.url)
  })
  expect((await client.follow('/shop/cart/')).text).toBe('/shop/done?n=1')
})

test('a redirect to the name that the site is called by leads to the site', async () => {
  const client = await visit((request, response) => {
    if (request.url === '/') response.writeHead(302, { Location: 'https://shop.example/next' }).end()
    else response.end(`${request.headers.host}${request.url}`)
  })
  const headers = { Host: 'shop.example' }
  const named = new Client(client.origin, { headers })
  opened.push(named)
  expect((await named.follow('/')).text).toBe('shop.example/next')
  await expect(client.follow('/')).rejects.toThrow(ImproperlyConfigured)
})

test('a redirect to a path that begins with two slashes leads there', async () => {
  const client = await visit((request, response) => {
    if (request.url === '/') response.writeHead(302, { Location: `http://${request.headers.host}//next?n=1` }).end()
    else response.end(request.url)
  })
  expect((await client.follow('/')).text).toBe('//next?n=1')
})

test('no other site is sent the cookies of this one', async () => {
  const cookies: (string | undefined)[] = []
  const other = await visit((request, response) => {
    cookies.push(request.headers.cookie)
    response.end()
  })
  const there = `http://localhost:${other.origin.port}/`
  const client = await visit((_, response) => void response.writeHead(302, { Location: there }).end())
  client.cookies.set('sessionid', 'a secret')
  await expect(client.follow('/')).rejects.toThrow('is another site')
  await expect(client.get(there)).rejects.toThrow('is another site')
  await expect(client.get(`//localhost:${other.origin.port}/`)).rejects.toThrow('is another site')
  await expect(client.get(`https://${client.origin.host}/`)).rejects.toThrow('is another site')
  expect(cookies).toEqual([])
  expect((await client.get('/')).headers.location).toBe(there)
})

test('what is not plain HTTP is refused before anything is sent', () => {
  expect(() => new Client('https://shop.example')).toThrow(ImproperlyConfigured)
  expect(() => new Client('https://shop.example')).toThrow("'x-forwarded-proto': 'https'")
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

test('a connection is used again, and closed by the client before a server would do so', async () => {
  const served = await serve((_, response) => response.end('here'))
  served.server.keepAliveTimeout = 70_000
  const client = clientOf(served)
  const open: Promise<unknown>[] = []
  served.server.on('connection', (socket) => open.push(once(socket, 'close')))
  await client.get('/')
  await client.get('/')
  expect(open).toHaveLength(1)
  await Promise.all(open)
  expect((await client.get('/')).text).toBe('here')
})

test('a server that was closed holds no port and no connection', async () => {
  const served = await serve((_, response) => void response.end('there'))
  const client = new Client(served.origin)
  expect((await client.get('/')).text).toBe('there')
  await served.close()
  await expect(client.get('/')).rejects.toThrow()
  client.close()
})
