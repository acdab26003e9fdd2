import assert from 'node:assert/strict'
import { type Counts, thousands } from './counts.js'
import type { Claims } from './trial.js'

const NAME = 'sessionid'

/** What is stored, what that costs, and which headers tell of it. */
export const storing = ({ redirects }: Counts): Claims => ({
  'a session lives from one request to the next, and only for its visitor': async ({ visitor }) => {
    const [alice, bob] = [visitor(), visitor()]
    await alice.get('/write?user=alice')
    await bob.get('/write?user=bob')
    assert.deepEqual((await alice.get('/read')).json(), { user: 'alice' })
    assert.deepEqual((await bob.get('/read')).json(), { user: 'bob' })
    assert.deepEqual((await visitor().get('/read')).json(), {})
  },

  'no cookie and no write: nothing is asked of the store, and no header is set': async ({ control, visitor }) => {
    const plain = await visitor().get('/plain')
    assert.equal(plain.text, 'plain')
    assert.equal(plain.headers.vary, undefined)
    const read = await visitor().get('/read')
    assert.equal(read.headers.vary, 'Cookie')
    for (const { setCookies } of [plain, read]) assert.deepEqual(setCookies, [])
    assert.deepEqual(await control.asked(), [])
  },

  'a first write is one create, ten writes are too': async ({ control, visitor }) => {
    for (const path of ['/write?a=1', '/write-ten']) {
      await control.recount()
      assert.equal((await visitor().get(path)).setCookies.length, 1)
      assert.deepEqual(await control.asked(), ['create'])
    }
  },

  'reading is one load, and sends no cookie': async ({ control, visitor }) => {
    const alice = visitor()
    await alice.get('/write?a=1')
    await control.recount()
    const response = await alice.get('/read')
    assert.deepEqual(await control.asked(), ['load'])
    assert.deepEqual(response.setCookies, [])
    assert.equal(response.headers.vary, 'Cookie')
    assert.equal(response.headers['cache-control'], undefined)
  },

  'one write is one load and one save, ten writes are too': async ({ control, visitor }) => {
    const alice = visitor()
    await alice.get('/write?a=1')
    for (const path of ['/write?a=2', '/write-ten']) {
      await control.recount()
      await alice.get(path)
      assert.deepEqual(await control.asked(), ['load', 'save'])
    }
  },

  'Vary: Cookie joins what the page said, and is absent where the session was not used': async ({ visitor }) => {
    const alice = visitor()
    await alice.get('/write?a=1')
    assert.equal((await alice.get('/varied')).headers.vary, 'Accept-Encoding, Cookie')
    assert.equal((await alice.get('/plain')).headers.vary, undefined)
  },

  'an answer with the session cookie is private, even where the page said public': async ({ visitor }) => {
    const written = await visitor().get('/write?a=1')
    assert.equal(written.headers['cache-control'], 'private')
    const told = await visitor().get('/public')
    assert.equal(told.setCookies.length, 1)
    assert.equal(told.headers['cache-control'], 'max-age=60, private')
  },

  'a key that nobody has is never adopted, and its cookie is deleted': async ({ visitor }) => {
    const mallory = visitor()
    const chosen = 'chosenbytheattacker0000000000000'
    mallory.cookies.set(NAME, chosen)
    assert.deepEqual((await mallory.get('/read')).json(), {})
    assert.equal(mallory.cookies.get(NAME), undefined)
    mallory.cookies.set(NAME, chosen)
    await mallory.get('/write?a=1')
    assert.notEqual(mallory.cookies.get(NAME), chosen)
  },

  'a flush and a new key are stored before the answer, even if the page did not await them': async (trial) => {
    const { control, visitor } = trial
    const alice = visitor()
    await alice.get('/write?a=1')
    const first = alice.cookies.get(NAME) as string
    await alice.get('/cycle')
    const second = alice.cookies.get(NAME) as string
    assert.notEqual(second, first)
    assert.equal(await control.exists(first), false)
    assert.deepEqual((await alice.get('/read')).json(), { a: '1' })
    await alice.get('/forgetful')
    assert.equal(alice.cookies.get(NAME), undefined)
    assert.equal(await control.exists(second), false)
  },

  'HEAD gets the headers of GET and no body, and its write is kept': async ({ visitor }) => {
    const alice = visitor()
    const response = await alice.request('HEAD', '/write?a=1')
    assert.equal(response.status, 200)
    assert.equal(response.bytes.length, 0)
    assert.equal(response.setCookies.length, 1)
    assert.deepEqual((await alice.get('/read')).json(), { a: '1' })
  },

  [`a redirect is never faster than its data: ${thousands(redirects)} followed at once, none stale`]: async ({
    control,
    visitor,
  }) => {
    await control.store({ delay: 50 })
    const stale = await Promise.all(
      Array.from({ length: 20 }, async () => {
        const one = visitor()
        let behind = 0
        for (let n = 0; n < redirects / 20; n++) {
          const page = await one.follow(`/redirect?n=${n}`)
          if (page.json().n !== String(n)) behind++
        }
        return behind
      }),
    )
    assert.equal(
      stale.reduce((sum, each) => sum + each, 0),
      0,
    )
  },
})
