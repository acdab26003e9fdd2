import assert from 'node:assert/strict'
import type { Client, ClientResponse } from './client.js'
import type { Claims } from './trial.js'

const FORM = { 'Content-Type': 'application/x-www-form-urlencoded' }

/** Forms, and what protects them. */
export const forms: Claims = {
  'a form without a token is refused with 403, before its page runs': async ({ control, visitor }) => {
    const alice = visitor()
    await alice.get('/write?a=1')
    await control.recount()
    isRefused(await alice.request('POST', '/take?n=1', { headers: FORM, body: 'n=1' }))
    assert.ok(!(await control.asked()).includes('save'))
    await alice.get('/form')
    isRefused(await alice.request('POST', '/take?n=1', { headers: FORM, body: 'n=1' }))
    isRefused(await alice.request('POST', '/take?n=1'))
    assert.deepEqual((await alice.get('/read')).json(), { a: '1' })
  },

  'a form with the token it was shown with gets through, and its page can change the session': async ({ visitor }) => {
    const alice = visitor()
    await alice.get('/form')
    const response = await alice.post('/take?n=1', { long: 'x'.repeat(100_000) })
    assert.equal(response.status, 200)
    assert.deepEqual((await alice.get('/read')).json(), { taken: '1' })
  },

  'a token in the header gets through with any body, or with none': async ({ visitor }) => {
    const alice = visitor()
    const token = (await alice.get('/token')).text
    for (const [n, body] of ['{"n":1}', undefined].entries()) {
      const headers = { 'X-CSRFToken': token, ...(body === undefined ? {} : { 'Content-Type': 'application/json' }) }
      assert.equal((await alice.request('POST', `/take?n=${n}`, { headers, body })).status, 200)
      assert.deepEqual((await alice.get('/read')).json(), { taken: String(n) })
    }
  },

  'the token of another visitor is refused, in the field and in the header': async ({ visitor }) => {
    const [alice, mallory] = [visitor(), visitor()]
    await alice.get('/form')
    const { text: token } = await mallory.get('/token')
    isRefused(await alice.post('/take?n=1', { csrfmiddlewaretoken: token }))
    isRefused(await alice.request('POST', '/take?n=1', { headers: { 'X-CSRFToken': token } }))
    assert.deepEqual((await alice.get('/read')).json(), {})
  },

  'a form from another origin is refused whatever its token, one from this origin gets through': async (trial) => {
    const alice = trial.visitor()
    await alice.get('/form')
    const send = (origin: string) => alice.post('/take?n=1', {}, { headers: { Origin: origin } })
    isRefused(await send('http://evil.example'))
    assert.equal((await send(trial.origin)).status, 200)
  },

  'a login form takes the token it was shown with, and a form from before the login is refused': async ({
    visitor,
  }) => {
    const alice = visitor()
    await alice.get('/form')
    const before = alice.token as string
    assert.equal((await alice.post('/login?name=alice')).status, 303)
    isRefused(await alice.post('/take?n=1', { csrfmiddlewaretoken: before }))
    await alice.get('/form')
    assert.equal((await alice.post('/take?n=1')).status, 200)
  },
}

function isRefused(response: ClientResponse): void {
  assert.equal(response.status, 403)
  assert.ok(!response.text.includes('the answer of the handler'), 'the page ran')
  assert.ok(!response.setCookies.some((line) => line.startsWith('sessionid=')), 'a session was begun')
}

/** Logs in by a form, as a browser does. */
export async function loginAs(client: Client, name: string): Promise<ClientResponse> {
  await client.get('/form')
  const response = await client.post(`/login?name=${name}`)
  assert.equal(response.status, 303)
  return response
}
