import assert from 'node:assert/strict'
import { readSlowly, until } from './claims-streaming.js'
import type { ClientResponse } from './client.js'
import type { Control } from './control.js'
import type { Claims } from './trial.js'

/** Every way to answer with a `ServerResponse` works as it does without sojourn. */
export const answering: Claims = {
  'headers given to writeHead stay, as an object and as a list, and ours join them': async ({ visitor }) => {
    for (const path of ['/head-object', '/head-list']) {
      const response = await visitor().get(path)
      assert.equal(response.status, 201)
      assert.equal(response.text, 'body')
      assert.equal(response.headers['x-page'], 'yes')
      assert.equal(response.headers.vary, 'Accept, Cookie')
      assert.deepEqual(response.setCookies.map(nameOf), ['one', 'two', 'sessionid'])
    }
  },

  'a status of 500 given to writeHead keeps no changes': async ({ control, visitor }) => {
    const response = await visitor().get('/head-500')
    assert.deepEqual([response.status, response.text, response.setCookies], [500, 'sorry', []])
    assert.deepEqual(await control.asked(), [])
  },

  'flushHeaders sends the head at once, after the session is stored': async ({ control, visitor }) => {
    const alice = visitor()
    const response = await alice.open('GET', '/flush-headers')
    assert.equal(response.headers['x-page'], 'yes')
    assert.deepEqual(response.headers['set-cookie']?.map(nameOf), ['sessionid'])
    assert.deepEqual(await control.asked(), ['create'])
    assert.deepEqual((await alice.get('/read')).json(), { a: 1 })
    await control.open('body')
    assert.equal(String(Buffer.concat(await response.toArray())), 'body')
  },

  'what is written before the end arrives in order, and every callback is called': async ({ control, visitor }) => {
    const response = await visitor().get('/pieces')
    assert.equal(response.text, 'one two trhree')
    const told = async (): Promise<readonly string[]> => (await control.made()).told ?? []
    await until(async () => (await told()).length === 4)
    assert.deepEqual([...(await told())].sort(), ['end', 'finish', 'write', 'write'])
  },

  'headersSent and writableEnded say what the page did, while the head is held too': async ({ control, visitor }) => {
    await visitor().get('/state')
    assert.deepEqual((await control.made()).states, [
      [false, false],
      [true, false],
      [true, true],
    ])
  },

  'a second answer is refused as Node refuses it, and the first arrives whole': async ({ control, visitor }) => {
    const alice = visitor()
    const response = await alice.get('/two-answers')
    assert.deepEqual([response.status, response.text], [200, 'the first answer'])
    assert.equal(response.headers['content-length'], '16')
    assert.deepEqual([response.headers['x-page'], response.headers['x-kind']], [undefined, 'first'])
    await untilEnded(control)
    const refused = (await control.made()).refused ?? []
    assert.equal(refused.length, 4)
    for (const code of refused) assert.match(String(code), /^ERR_HTTP2?_HEADERS_SENT$/)
    assert.deepEqual((await alice.get('/read')).json(), { a: 1 })
  },

  '50 MB written in a loop and 50 MB piped wait for the reader, and arrive whole': async ({ control, visitor }) => {
    for (const path of ['/loop', '/pipe']) {
      await control.remake()
      const response = await visitor().open('GET', path)
      await readSlowly(response, control)
      await untilEnded(control)
    }
  },

  'after the head has left, the session can be read, and a write is refused instead of lost': async ({ visitor }) => {
    const alice = visitor()
    assert.equal((await alice.get('/late')).text, 'head nothing session_sealed')
    await alice.get('/write')
    assert.equal((await alice.get('/late')).text, 'head 1 session_sealed')
  },

  'so it is while the session is being stored': async ({ visitor }) => {
    const alice = visitor()
    assert.equal((await alice.get('/late-again')).text, `head ${Array(7).fill('session_sealed').join(' ')}`)
    assert.equal((await alice.get('/late')).text, 'head 1 session_sealed')
  },

  'nor can a transaction give a session a key that its visitor would not hear of': async ({ visitor }) => {
    const alice = visitor()
    await alice.get('/write')
    assert.equal((await alice.get('/late-key')).text, 'head session_sealed')
    assert.equal((await alice.get('/late')).text, 'head 1 session_sealed')
  },

  'a transaction saves at once, so it may come after the head has left': async ({ visitor }) => {
    const alice = visitor()
    await alice.get('/write')
    assert.equal((await alice.get('/late-transact')).text, 'head added')
    assert.deepEqual((await alice.get('/read')).json(), { a: 2 })
  },

  'a status that cannot be sent is an error, and the site lives on': async ({ visitor }) => {
    assert.equal((await visitor().get('/bad-status')).status, 500)
    assert.equal((await visitor().get('/write')).status, 200)
  },

  'a body that cannot be sent is an error, and the site lives on': async ({ visitor }) => {
    const bad = await visitor()
      .get('/bad-body')
      .then(({ status }) => status)
      .catch(() => 'cut')
    assert.notEqual(bad, 200)
    assert.equal((await visitor().get('/write')).status, 200)
  },

  'a page that fails after its head has left cuts the connection, and the site lives on': async ({ visitor }) => {
    await assert.rejects(visitor().get('/crash-late'))
    assert.equal((await visitor().get('/write')).status, 200)
  },
}

/** Heads as only HTTP/1.1 has them: with a message, and with a length. */
export const wording: Claims = {
  'the message given to writeHead stays': async ({ visitor }) => {
    const response = await visitor().open('GET', '/head-message')
    assert.equal(response.statusMessage, 'Made')
    assert.deepEqual(response.headers['set-cookie']?.map(nameOf), ['one', 'sessionid'])
    response.resume()
  },

  'an answer in one piece has its length': async ({ visitor }) => {
    const response = await visitor().get('/write')
    assert.equal(response.headers['content-length'], '7')
    assert.equal(response.headers['transfer-encoding'], undefined)
  },

  'the error has a message of its own': async ({ control, visitor }) => {
    await control.store({ fail: ['create'] })
    const response = await visitor().open('GET', '/own-message')
    assert.equal(response.statusMessage, 'Service Unavailable')
    response.resume()
  },
}

/** Node's own server of HTTP/2 lets whoever answers HEAD wait for a `drain` that never comes. */
export const draining: Claims = {
  'HEAD of a page that writes 50 MB ends, though nothing of them is sent': async ({ control, visitor }) => {
    for (const path of ['/loop', '/pipe']) {
      await control.remake()
      const response = await visitor().request('HEAD', path)
      assert.equal(response.setCookies.length, 1)
      assert.equal(response.bytes.length, 0)
      await untilEnded(control)
    }
  },
}

/** A session that cannot be stored takes the page's answer with it, however far the page has come. */
export const dropping: Claims = {
  'a page that is still writing when the save fails is an error, and nothing of it leaves': async (trial) => {
    const { control, visitor } = trial
    await control.store({ fail: ['create'] })
    const response = await visitor().get('/trickle')
    isUnavailable(response)
    assert.equal(response.headers['x-page'], undefined)
    await untilEnded(control)
    await control.store({ fail: [] })
    assert.equal((await visitor().get('/write')).status, 200)
  },

  'a page that waits for its callbacks goes on when the save fails': async ({ control, visitor }) => {
    await control.store({ fail: ['create'] })
    isUnavailable(await visitor().get('/callbacks'))
    await untilEnded(control)
  },

  'a source piped into an answer that is dropped ends, and nothing of it leaves': async ({ control, visitor }) => {
    await control.store({ fail: ['create'] })
    const response = await visitor().get('/pipe')
    isUnavailable(response)
    assert.ok(response.bytes.length < 64 * 1024)
    await untilEnded(control)
  },

  'a loop that waits for drain goes on when the save fails': async ({ control, visitor }) => {
    await control.store({ fail: ['create'] })
    isUnavailable(await visitor().get('/loop'))
    await untilEnded(control)
  },

  'an answer that ends in one step is an error when the save fails': async ({ control, visitor }) => {
    await control.store({ fail: ['create'] })
    for (const path of ['/write', '/head-object', '/head-list', '/head-message', '/flush-headers', '/pieces']) {
      isUnavailable(await visitor().get(path))
    }
  },
}

function isUnavailable(response: ClientResponse): void {
  assert.equal(response.status, 503)
  assert.deepEqual(response.setCookies, [])
  assert.equal(response.headers.vary, undefined)
  assert.notEqual(response.headers['retry-after'], undefined)
  assert.ok(!response.text.includes('the answer of the handler'), 'the page leaked into the error')
}

function nameOf(line: string): string {
  return line.slice(0, line.indexOf('='))
}

function untilEnded(control: Control): Promise<void> {
  return until(async () => (await control.made()).ended)
}
