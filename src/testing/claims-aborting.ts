import assert from 'node:assert/strict'
import { setTimeout as sleep } from 'node:timers/promises'
import { until } from './claims-streaming.js'
import type { Claims } from './trial.js'

const NAME = 'sessionid'

/** Visitors who go away, and pages that come too late. */
export const aborting: Claims = {
  'a form that is cut off while it is sent changes nothing, and the site lives on': async ({ control, visitor }) => {
    const alice = visitor()
    await alice.get('/write?user=alice')
    await alice.get('/form')
    const key = alice.cookies.get(NAME) as string
    for (let n = 0; n < 5; n++) {
      const leaver = visitor()
      leaver.cookies.set(NAME, key)
      leaver.cookies.set('csrftoken', alice.cookies.get('csrftoken') as string)
      const headers = { 'Content-Type': 'application/x-www-form-urlencoded', 'Content-Length': '100000' }
      const token = `csrfmiddlewaretoken=${alice.token}&long=`
      const answer = leaver.request('POST', '/take?n=1', { headers, body: token })
      const gone = assert.rejects(answer)
      // The beginning of the form is on its way; there is nothing that would tell when it has been read.
      await sleep(20)
      leaver.close()
      await gone
    }
    assert.equal((await alice.post('/take?n=2')).status, 200)
    assert.deepEqual(await control.stored(key), { user: 'alice', taken: '2' })
  },

  'a visitor who leaves before the page answers has the session stored all the same': async ({ control, visitor }) => {
    const alice = visitor()
    await alice.get('/write?user=alice')
    const key = alice.cookies.get(NAME) as string
    const leaver = visitor()
    leaver.cookies.set(NAME, key)
    const answer = leaver.get('/held?gate=left').then(
      () => 'answered',
      () => 'gone',
    )
    await control.arrival('left')
    leaver.close()
    assert.equal(await answer, 'gone')
    await control.open('left')
    await until(async () => (await control.stored(key))?.late === true)
  },

  'a write after the head has left is refused instead of lost': async ({ visitor }) => {
    const alice = visitor()
    assert.equal((await alice.get('/late')).text, 'head session_sealed')
    assert.deepEqual((await alice.get('/read')).json(), { at: 'first' })
  },
}

/** Every claim ends with a look for rejections, and that look must be able to find one. Not where a test runner looks for them too. */
export const noticing: Claims = {
  'a rejection that a page leaves unhandled is noticed by this contract': async ({ control, visitor }) => {
    assert.equal((await visitor().get('/unhandled')).text, 'page')
    const seen: string[] = []
    await until(async () => seen.push(...(await control.unhandled())) > 0)
    assert.match(seen[0] as string, /left alone/)
  },
}
