import assert from 'node:assert/strict'
import { loginAs } from './claims-forms.js'
import type { Claims } from './trial.js'

const NAME = 'sessionid'

/** Login, logout and messages. */
export const visiting: Claims = {
  'a login gives the session a new key, keeps its data, and the next request knows the user': async (trial) => {
    const alice = trial.visitor()
    await alice.get('/write?cart=full')
    const before = alice.cookies.get(NAME) as string
    assert.equal((await alice.get('/who')).text, 'nobody')
    await loginAs(alice, 'alice')
    assert.notEqual(alice.cookies.get(NAME), before)
    assert.equal(await trial.control.exists(before), false)
    assert.equal((await alice.get('/who')).text, 'alice')
    assert.equal((await alice.get('/read')).json().cart, 'full')
  },

  'whoever knew the key from before a login knows nothing': async ({ visitor }) => {
    const alice = visitor()
    await alice.get('/write?cart=full')
    const mallory = visitor()
    mallory.cookies.set(NAME, alice.cookies.get(NAME) as string)
    await loginAs(alice, 'alice')
    assert.equal((await mallory.get('/who')).text, 'nobody')
    assert.deepEqual((await mallory.get('/read')).json(), {})
  },

  'a logout ends the session: the cookie goes, the key is dead, and nobody is known': async ({ control, visitor }) => {
    const alice = visitor()
    await loginAs(alice, 'alice')
    const key = alice.cookies.get(NAME) as string
    await alice.get('/form')
    assert.equal((await alice.post('/logout')).status, 303)
    assert.equal(alice.cookies.get(NAME), undefined)
    assert.equal(await control.exists(key), false)
    alice.cookies.set(NAME, key)
    assert.equal((await alice.get('/who')).text, 'nobody')
  },

  'a logout under a request that is still running ends what that one does: 400': async ({ control, visitor }) => {
    const alice = visitor()
    await loginAs(alice, 'alice')
    const key = alice.cookies.get(NAME) as string
    await alice.get('/form')
    const late = alice.get('/held?gate=logout')
    await control.arrival('logout')
    await alice.post('/logout')
    await control.open('logout')
    const { status, setCookies } = await late
    assert.equal(status, 400)
    assert.deepEqual(setCookies, [])
    assert.equal(await control.exists(key), false)
  },

  'a message is shown by the page after the redirect, and only once': async ({ visitor }) => {
    const [alice, bob] = [visitor(), visitor()]
    const told = await alice.follow('/say?text=Saved.')
    assert.deepEqual(told.json(), ['warning: Saved.'])
    assert.deepEqual((await alice.get('/messages')).json(), [])
    assert.deepEqual((await bob.get('/messages')).json(), [])
  },

  'messages wait for a page that shows them, in their order': async ({ visitor }) => {
    const alice = visitor()
    for (const text of ['one', 'two']) await alice.get(`/say?text=${text}`)
    await alice.get('/plain')
    assert.deepEqual((await alice.get('/messages')).json(), ['warning: one', 'warning: two'])
  },
}
