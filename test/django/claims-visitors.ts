import { authenticate, getMessages, getUser, login, logout, messages } from 'sojourn/express'
import { expect, test } from 'vitest'
import type { EnginePair } from './engine-kinds.js'
import type { Visitor } from './pair.js'

const password = 'correct horse'
let lastUser = 0

/** That a visitor is one person to both: the login, the token of forms, the messages, all in the session. */
export function visitorClaims(pair: () => EnginePair, recent: boolean): void {
  const enter = async (visitor: Visitor, username: string, side: 'django' | 'node'): Promise<void> => {
    if (side === 'django') await visitor.django('login', { username, password })
    else {
      await visitor.node(async (request) => {
        const user = await authenticate(request, { username, password })
        if (user !== null) await login(request, user)
      })
    }
  }
  const known = (visitor: Visitor): Promise<unknown> =>
    visitor.node(async (request) => {
      const user = await getUser(request)
      return user && { id: user.id, username: user.username }
    })

  for (const side of ['django', 'node'] as const) {
    const [here, there] = side === 'django' ? ['Django', 'sojourn'] : ['sojourn', 'Django']

    test(`who logs in to ${here} is logged in to ${there}, until a logout from either ends it for both, at once`, async () => {
      const username = `ann${++lastUser}`
      const user = { ...(await pair().django.createUser(username, password)), username }
      for (const leaving of ['django', 'node'] as const) {
        const visitor = pair().visitor()
        await visitor.ops(['set', 'cart', [1.5]])
        const before = visitor.key
        await enter(visitor, username, side)
        expect(visitor.key).not.toBe(before)
        expect([await visitor.whoami(), await known(visitor)]).toEqual([user, user])
        expect(await visitor.ops(['get', 'cart'])).toEqual([[1.5]])
        const { key } = visitor
        const elsewhere = pair().visitor(key)
        expect([await elsewhere.whoami(), await known(elsewhere)]).toEqual([user, user])
        if (leaving === 'django') await visitor.django('logout', {})
        else await visitor.node((request) => logout(request))
        expect([await visitor.whoami(), await known(visitor)]).toEqual([null, null])
        // A cookie that is the session itself is worth something for as long as somebody keeps it.
        if (pair().kind.engine === 'signed_cookies') continue
        expect([await elsewhere.whoami(), await known(pair().visitor(key))]).toEqual([null, null])
        expect(await pair().exists(key)).toBe(false)
      }
    })

    // Django before 4.1 takes what a session holds for a masked token; sojourn puts the bare secret there, as 4.1.
    if (side === 'django' || recent) {
      test(`a form of ${here} is taken by ${there}, by the secret in the session`, async () => {
        const visitor = pair().visitor()
        await visitor.get(visitor.at(side, 'form'))
        expect([visitor.cookies.get('csrftoken'), visitor.token]).toEqual([
          undefined,
          expect.stringMatching(/^[A-Za-z0-9]{64}$/),
        ])
        const other = side === 'django' ? 'node' : 'django'
        const take = async (): Promise<string> => (await visitor.post(visitor.at(other, 'form'))).text
        expect(await take()).toBe('ok')
        await visitor.get(visitor.at(other, 'form'))
        expect((await visitor.post(visitor.at(side, 'form'))).text).toBe('ok')
        visitor.token = 'a'.repeat(64)
        expect((await visitor.post(visitor.at(other, 'form'))).status).toBe(403)
      })
    }
  }

  test('messages of either, in the session, are shown by the other, once and in order', async () => {
    const visitor = pair().visitor()
    await visitor.django('messages', { text: 'Gespeichert: für "Sie" <b>', level: 25, extra_tags: 'green' })
    await visitor.node((request) => messages.error(request, '🌍'))
    expect(visitor.cookies.get('messages')).toBeUndefined()
    const page = [
      { level: 25, tags: 'green success', text: 'Gespeichert: für "Sie" <b>' },
      { level: 40, tags: 'error', text: '🌍' },
    ]
    expect((await visitor.django('messages')).json()).toMatchObject(page)
    expect(await visitor.node((request) => getMessages(request).length)).toBe(0)

    await visitor.node((request) => messages.success(request, page[0]?.text as string, { extraTags: 'green' }))
    await visitor.django('messages', { text: '🌍', level: 40 })
    const shown = await visitor.node((request) =>
      [...getMessages(request)].map(({ level, tags, message }) => ({ level, tags, text: message })),
    )
    expect(shown).toEqual(page)
    expect((await visitor.django('messages')).json()).toEqual([])
  })
}
