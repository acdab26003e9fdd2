import { afterAll, beforeAll, expect, test } from 'vitest'
import { csrfInput, getMessages, getSignedCookie, getUser, login, messages, type User } from '../../src/adapters/api.js'
import { userBackend } from '../../src/auth/part.js'
import { getSessionAuthHash } from '../../src/auth/session-hash.js'
import { signedCodec } from '../../src/codecs/signed.js'
import { loginMark, loginOf, MARK_KEY, noteFor } from '../../src/core/user-mark.js'
import type { Row } from '../../src/databases/database.js'
import { dumps, loads, Signer, signCookieValue, TimestampSigner } from '../../src/signing.js'
import type { Client, Routes } from '../../src/testing/index.js'
import { cookieSigner } from '../../src/wire/signed-cookie.js'
import { SECRET } from '../support/sites.js'
import { standing } from './everywhere.js'
import type { Live } from './live.js'

/** Sign-in links, and state, PKCE and nonce of single sign-on, join these as they are built. */
type Purpose =
  | 'session key'
  | 'session row'
  | 'signed-cookie session'
  | 'messages cookie'
  | 'form token'
  | 'session auth hash'
  | 'index mark'
  | 'login mark'
  | 'signed cookie "a"'
  | 'signed cookie "a" of salt "s"'
  | 'signed cookie "a" of salt "t"'
  | 'signed cookie "sessionid"'
  | 'signed cookie "messages"'
  | 'signed cookie "csrftoken"'
  | 'dumps'
  | 'dumps of salt "s"'
  | 'signer'
  | 'timestamp signer'
  | 'signer of a cookie’s salt, with the bare key'

interface Token {
  readonly purpose: Purpose
  readonly text: string
}

interface Slot {
  readonly purpose: Purpose
  readonly name: string
  /** Whether what is put there is taken for what belongs there. */
  takes(text: string): Promise<boolean> | boolean
}

const key = { key: SECRET }
const MODEL = 'django.contrib.auth.backends.ModelBackend'
const routes: Routes = {
  '/': async ({ request, session }) =>
    JSON.stringify({
      user: (await getUser(request))?.username ?? null,
      data: { ...(await session()) },
      messages: [...getMessages(request)].map(String),
      plain: getSignedCookie(request, 'a') ?? null,
      salted: getSignedCookie(request, 'a', { salt: 's' }) ?? null,
      session: getSignedCookie(request, 'sessionid') ?? null,
      list: getSignedCookie(request, 'messages') ?? null,
      form: getSignedCookie(request, 'csrftoken') ?? null,
    }),
  '/login': async ({ request, session }) => {
    await login(request, ann)
    ;(await session()).set('basket', 'apples')
    messages.info(request, 'hello')
    return `<form method="post">${csrfInput(request)}</form>`
  },
  '/done': () => 'done',
}

let stored: Live
let signed: Live
let bound: Live
let ann: User
let visitor: Client
const sites: Live[] = []
afterAll(async () => {
  for (const site of sites) await site[Symbol.asyncDispose]()
})

const tokens: Token[] = []
const slots: Slot[] = []

beforeAll(async () => {
  stored = await standing('node', { sessionUserIndex: true }, routes)
  signed = await standing('node', { sessionEngine: 'signed_cookies', databases: { default: stored.database } }, routes)
  bound = await standing('node', { csrfUseSessions: true, databases: { default: stored.database } }, routes)
  sites.push(signed, bound, stored)
  await stored.site.migrate()
  ann = await userBackend(stored.site).createUser('ann', 'correct horse')
  visitor = stored.visitor()
  await visitor.get('/login')
  const cookies = visitor.cookies
  const inCookie = signed.visitor()
  await inCookie.get('/login')
  const sessionKey = cookies.get('sessionid') as string
  const row = (await stored.database.prepare('SELECT session_data FROM django_session').get()) as Row
  const rowText = row.session_data as string
  const mark = String(JSON.parse(signedCodec({ secretKey: SECRET }).decode(rowText)?.get(MARK_KEY) ?? 'null'))
  const token = visitor.token as string
  const hash = getSessionAuthHash(ann, SECRET)

  const put = (purpose: Purpose, ...texts: readonly (string | undefined)[]): void => {
    for (const text of texts) tokens.push({ purpose, text: text as string })
  }
  put('session key', sessionKey)
  put('session row', rowText)
  put('signed-cookie session', inCookie.cookies.get('sessionid'))
  put('messages cookie', cookies.get('messages'))
  put('form token', cookies.get('csrftoken'), token)
  put('session auth hash', hash)
  put('index mark', mark)
  put('login mark', loginMark(Date.now()))
  // The same purposes, and in each what another one would like to find.
  const login_ = { _auth_user_id: String(ann.id), _auth_user_backend: MODEL, _auth_user_hash: hash }
  const list = [['__json_message', 0, 20, 'hello', '']]
  for (const value of [login_, list, cookies.get('csrftoken'), sessionKey]) {
    const body = dumps(value, key).split(':', 1)[0] as string
    for (const [name, salt] of [['a'], ['a', 's'], ['a', 't'], ['sessionid'], ['messages'], ['csrftoken']] as const) {
      const purpose = `signed cookie "${name}"${salt === undefined ? '' : ` of salt "${salt}"`}` as Purpose
      put(purpose, signCookieValue(name, body, { ...key, salt }))
    }
    put('dumps', dumps(value, key))
    put('dumps of salt "s"', dumps(value, { ...key, salt: 's' }))
    put('signer', new Signer(key).sign(body))
    put('timestamp signer', new TimestampSigner(key).sign(body))
  }
  for (const salt of ['django.contrib.messages', 'django.http.cookies.v2:0:a', 'django.http.cookies.v2:1:sa']) {
    put('signer of a cookie’s salt, with the bare key', new TimestampSigner({ ...key, salt }).signObject(list))
  }
  put('messages cookie', cookieSigner(key, 'django.contrib.messages').signObject(login_))

  const asked = async (site: Live, cookie: string): Promise<Record<string, unknown>> =>
    (await site.visitor().get('/', { headers: { Cookie: cookie } })).json()
  /** A row of its own with a session of ann's, in which one cell, or all of it, is the token. */
  let rows = 0
  const asRow = async (text: string, cell?: string): Promise<string> => {
    const rowKey = `row${String(rows++).padStart(29, '0')}`
    const cells = new Map(Object.entries(login_).map(([name, value]) => [name, JSON.stringify(value)]))
    if (cell !== undefined) cells.set(cell, JSON.stringify(text))
    const data = cell === undefined ? text : signedCodec({ secretKey: SECRET }).encode(cells)
    await stored.database
      .prepare('INSERT INTO django_session VALUES (?1, ?2, ?3)')
      .run(rowKey, data, stored.database.fromMoment(Date.now() + 60_000))
    return `sessionid=${rowKey}`
  }
  const isSession = ({ user, data }: Record<string, unknown>): boolean =>
    user !== null || Object.keys(data as object).length > 0
  const posts = async (site: Live, cookie: string, form: string): Promise<boolean> => {
    const options = { headers: { Cookie: cookie } }
    return (await site.visitor().post('/done', { csrfmiddlewaretoken: form }, options)).status === 200
  }
  const csrftoken = `csrftoken=${cookies.get('csrftoken')}`
  const isText = (opens: () => unknown): boolean => {
    try {
      opens()
      return true
    } catch {
      return false
    }
  }

  slots.push(
    {
      purpose: 'session key',
      name: 'cookie',
      takes: async (text) => isSession(await asked(stored, `sessionid=${text}`)),
    },
    {
      purpose: 'signed-cookie session',
      name: 'cookie',
      takes: async (text) => isSession(await asked(signed, `sessionid=${text}`)),
    },
    { purpose: 'session row', name: 'row', takes: async (text) => isSession(await asked(stored, await asRow(text))) },
    {
      purpose: 'messages cookie',
      name: 'cookie',
      takes: async (text) => ((await asked(stored, `messages=${text}`)).messages as unknown[]).length > 0,
    },
    { purpose: 'form token', name: 'form', takes: (text) => posts(stored, csrftoken, text) },
    {
      purpose: 'form token',
      name: 'header',
      takes: async (text) => {
        const headers = { Cookie: csrftoken, 'X-CSRFToken': text }
        return (await stored.visitor().request('POST', '/done', { headers })).status === 200
      },
    },
    { purpose: 'form token', name: 'cookie of the secret', takes: (text) => posts(stored, `csrftoken=${text}`, token) },
    {
      purpose: 'form token',
      name: 'secret in the session',
      takes: async (text) => posts(bound, await asRow(text, '_csrftoken'), token),
    },
    {
      purpose: 'session auth hash',
      name: 'in the session',
      takes: async (text) => (await asked(stored, await asRow(text, '_auth_user_hash'))).user !== null,
    },
    {
      purpose: 'index mark',
      name: 'in the session',
      takes: (text) =>
        noteFor(
          new Map([
            ['_auth_user_id', '"1"'],
            [MARK_KEY, JSON.stringify(text)],
          ]),
          sessionKey,
          Date.now() + stored.site.settings.sessionCookieAge * 1000,
          Date.now(),
        ) === null,
    },
    {
      purpose: 'login mark',
      name: 'in the session',
      takes: (text) => loginOf(new Map([[MARK_KEY, JSON.stringify(text)]])) > 0,
    },
    ...(
      [
        ['a', 'plain', 'signed cookie "a"'],
        ['a', 'salted', 'signed cookie "a" of salt "s"'],
        ['sessionid', 'session', 'signed cookie "sessionid"'],
        ['messages', 'list', 'signed cookie "messages"'],
        ['csrftoken', 'form', 'signed cookie "csrftoken"'],
      ] as const
    ).map(
      ([cookie, field, purpose]): Slot => ({
        purpose,
        name: 'getSignedCookie',
        takes: async (text) => (await asked(stored, `${cookie}=${text}`))[field] !== null,
      }),
    ),
    { purpose: 'dumps', name: 'loads', takes: (text) => isText(() => loads(text, key)) },
    { purpose: 'dumps of salt "s"', name: 'loads', takes: (text) => isText(() => loads(text, { ...key, salt: 's' })) },
    { purpose: 'signer', name: 'unsign', takes: (text) => isText(() => new Signer(key).unsign(text)) },
    {
      purpose: 'timestamp signer',
      name: 'unsign',
      takes: (text) => isText(() => new TimestampSigner(key).unsign(text)),
    },
  )
})

test('T18: no token is accepted in the slot of another purpose, and each is in its own', async () => {
  const astray: string[] = []
  const atHome = new Set<Slot>()
  let tried = 0
  for (const slot of slots) {
    for (const { purpose, text } of tokens) {
      const taken = await slot.takes(text)
      if (purpose === slot.purpose) {
        if (taken) atHome.add(slot)
        continue
      }
      tried++
      if (taken) astray.push(`${purpose} as ${slot.purpose} (${slot.name}): ${text}`)
    }
  }
  expect(slots.filter((slot) => !atHome.has(slot)).map(({ purpose, name }) => `${purpose} (${name})`)).toEqual([])
  expect(astray).toEqual([])
  expect(tried).toBeGreaterThan(600)
})
