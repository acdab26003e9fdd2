import assert from 'node:assert/strict'
import { loginAs } from './claims-forms.js'
import type { ClientResponse } from './client.js'
import type { Claims } from './trial.js'

const NAME = 'sessionid'

/** Statuses and headers of a page's own, and what joins them. */
export const heads: Claims = {
  'each cookie is set once in an answer, whatever set it': async ({ visitor }) => {
    const alice = visitor()
    const response = await alice.get('/cookies')
    assert.deepEqual(cookieNames(response).sort(), ['csrftoken', 'messages', 'one', NAME, 'two'].sort())
    // The key, the secret of the forms and a message, all of them anew.
    assert.deepEqual(cookieNames(await loginAs(alice, 'alice')).sort(), ['csrftoken', 'messages', NAME].sort())
  },

  'a 304 of a page has no body, and the session that it changed is stored': async ({ visitor }) => {
    const alice = visitor()
    const { etag = '' } = (await alice.get('/etag')).headers
    for (const one of [alice, visitor()]) {
      const fresh = await one.get('/etag', { headers: { 'If-None-Match': etag } })
      assert.deepEqual([fresh.status, fresh.text, fresh.headers.etag], [304, '', etag])
      assert.deepEqual(cookieNames(fresh), [NAME])
      assert.equal(fresh.headers.vary, 'Cookie')
      assert.deepEqual((await one.get('/read')).json(), { seen: one === alice ? 2 : 1 })
    }
  },

  'a 204 stores the session too': async ({ visitor }) => {
    const alice = visitor()
    const response = await alice.get('/nothing')
    assert.deepEqual([response.status, response.text, cookieNames(response)], [204, '', [NAME]])
    assert.deepEqual((await alice.get('/read')).json(), { at: 'nothing' })
  },

  'redirects keep their status and their place, and the session is stored': async ({ visitor }) => {
    for (const status of [301, 302, 303, 307, 308]) {
      const alice = visitor()
      const response = await alice.get(`/redirect?n=1&status=${status}`)
      assert.deepEqual([response.status, response.headers.location], [status, '/read'])
      assert.deepEqual((await alice.get('/read')).json(), { n: '1' })
    }
  },

  'an error below 500 of a page keeps its changes, as in Django; one of 500 and above does not': async ({
    visitor,
  }) => {
    const alice = visitor()
    for (const status of [404, 422, 500, 503]) {
      const response = await alice.get(`/status?code=${status}`)
      assert.deepEqual([response.status, response.text], [status, 'the answer of the handler'])
      assert.deepEqual(cookieNames(response), status < 500 ? [NAME] : [])
    }
    assert.deepEqual((await alice.get('/read')).json(), { status: 422 })
    const bob = visitor()
    await bob.get('/status?code=500')
    assert.deepEqual((await bob.get('/read')).json(), {})
  },

  'Vary: Cookie is there for who looked at the user, at a token or at messages': async ({ visitor }) => {
    for (const path of ['/who', '/token', '/form', '/cookies']) {
      assert.equal((await visitor().get(path)).headers.vary, 'Cookie', path)
    }
  },

  'HEAD has the headers of GET where the page streams': async ({ control, visitor }) => {
    const alice = visitor()
    const response = await alice.request('HEAD', '/late')
    assert.deepEqual([response.status, response.bytes.length], [200, 0])
    assert.deepEqual(cookieNames(response), [NAME])
    assert.deepEqual(await control.asked(), ['create'])
  },
}

/** The session where the people of a framework look for it. */
export const keeping: Claims = {
  'the session that the framework has is the one of getSession': async ({ visitor }) => {
    const alice = visitor()
    assert.equal((await alice.get('/kept')).text, 'true')
    assert.deepEqual((await alice.get('/read')).json(), { by: 'the framework' })
  },
}

/** What a server says above sojourn for every answer: without it a script of another origin is not even told of a 503. */
export const crossing: Claims = {
  'what is said above for every answer (CORS) is said of a refused form and of a store that fails': async ({
    control,
    visitor,
  }) => {
    const alice = visitor()
    const answers = [await alice.get('/write?a=1'), await alice.request('POST', '/take?n=1')]
    await control.store({ fail: ['create', 'save'] })
    answers.push(await alice.get('/redirect?n=1'), await visitor().get('/redirect?n=1'))
    await control.store({ fail: ['load'] })
    answers.push(await alice.get('/read'))
    assert.deepEqual(
      answers.map(({ status }) => status),
      [200, 403, 503, 503, 503],
    )
    for (const { headers } of answers) assert.equal(headers['access-control-allow-origin'], '*')
  },
}

function cookieNames({ setCookies }: ClientResponse): string[] {
  return setCookies.map((line) => line.slice(0, line.indexOf('=')))
}
