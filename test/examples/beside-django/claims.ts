import { randomBytes } from 'node:crypto'
import { expect, test } from 'vitest'
import type { Configuration } from './configurations.js'
import type { Running, User } from './running.js'
import { newVisitor, type Page, type Visitor } from './visitor.js'

type Side = 'Django' | 'Node'

const home = { Django: '/', Node: '/node/' } as const
const logins = { Django: '/login/', Node: '/node/login' } as const
const logouts = { Django: '/logout/', Node: '/node/logout' } as const
const sides = [
  ['Django', 'Node'],
  ['Node', 'Django'],
] as const

async function logIn(visitor: Visitor, side: Side, { username, password }: User): Promise<Page> {
  await visitor.get(logins[side])
  return visitor.post(logins[side], { username, password })
}

/** Who both sides take a visitor for. */
async function known(visitor: Visitor): Promise<readonly unknown[]> {
  return [(await visitor.get(home.Django)).user, (await visitor.get(home.Node)).user]
}

/** That a visitor does not notice which side answers. */
export function besideClaims(running: () => Running, configuration: Configuration): void {
  const someone = (): Promise<Visitor> => newVisitor(running())

  /** Somebody who logged in, as both sides see it. */
  const loggedIn = async (side: Side, user: User): Promise<Visitor> => {
    const visitor = await someone()
    expect([302, 303]).toContain((await logIn(visitor, side, user)).status)
    expect(await known(visitor)).toEqual([user.username, user.username])
    return visitor
  }

  test.each(sides)('who logs in at %s is that user at %s', async (here, there) => {
    const visitor = await someone()
    await logIn(visitor, here, running().users.ann)
    expect((await visitor.get(home[there])).user).toBe(running().users.ann.username)
  })

  test("who logs in at Node is in Django's admin", async () => {
    const visitor = await someone()
    expect((await visitor.get('/admin/')).status).toBe(302)
    await logIn(visitor, 'Node', running().users.ann)
    const page = await visitor.get('/admin/')
    expect([page.status, page.text.includes('Site administration')]).toEqual([200, true])
  })

  test("who logs in at Django's admin is that user at Node", async () => {
    const { username, password } = running().users.ann
    const visitor = await someone()
    await visitor.get('/admin/login/')
    expect((await visitor.post('/admin/login/?next=/admin/', { username, password })).status).toBe(302)
    expect((await visitor.get(home.Node)).user).toBe(username)
  })

  for (const [here, there, form, action] of [
    ['Django', 'Node', '/', '/node/cart'],
    ['Node', 'Django', '/node/', '/cart'],
  ] as const) {
    test(`a form of ${here} is taken by ${there}, and refused without its token`, async () => {
      const visitor = await someone()
      await visitor.get(form)
      expect([302, 303]).toContain((await visitor.post(action, { item: 'mug' })).status)
      expect((await visitor.get(home[there])).cart).toBe('mug 1')
      await visitor.get(form)
      expect((await visitor.post(action, { item: 'mug' }, null)).status).toBe(403)
      expect((await visitor.post(action, { item: 'mug' }, 'a'.repeat(64))).status).toBe(403)
      expect((await visitor.get(home[there])).cart).toBe('mug 1')
    })
  }

  for (const [here, there, form, action] of [
    ['Django', 'Node', '/guestbook/', '/node/note'],
    ['Node', 'Django', '/node/form', '/guestbook/'],
  ] as const) {
    test(`who logged in at ${here}: its forms are taken by ${there}`, async () => {
      const visitor = await loggedIn(here, running().users.ann)
      await visitor.get(form)
      expect([302, 303]).toContain((await visitor.post(action, { text: 'hello' })).status)
      expect((await visitor.post(action, { text: 'hello' }, null)).status).toBe(403)
    })
  }

  test.each([
    ['Django', 'Node', '/guestbook/', '/guestbook/', 'success: Django says: thank you, somebody'],
    ['Node', 'Django', '/node/form', '/node/note', 'info: Node says: für "Sie" <b>'],
  ] as const)('a message that %s adds is shown by %s, once', async (_, there, form, action, message) => {
    const visitor = await someone()
    await visitor.get(form)
    await visitor.post(action, { text: 'für "Sie" <b>' })
    expect((await visitor.get(home[there])).messages).toEqual([message])
    const again = [(await visitor.get('/')).messages, (await visitor.get('/node/')).messages]
    expect(again).toEqual([[], []])
  })

  test('a message that is too long for its cookie is shown by Django, once', async () => {
    const visitor = await someone()
    const text = randomBytes(1550).toString('base64url')
    await visitor.get('/node/form')
    await visitor.post('/node/note', { text })
    expect(await visitor.cookie('messages')).not.toContain(text.slice(0, 40))
    expect((await visitor.get('/')).messages).toEqual([`info: Node says: ${text}`])
    expect((await visitor.get('/')).messages).toEqual([])
  })

  test('the cart that one writes is read and written by the other, and comes along at a login', async () => {
    const visitor = await someone()
    await visitor.get('/')
    await visitor.post('/cart', { item: 'mug' })
    expect((await visitor.get('/node/')).cart).toBe('mug 1')
    await visitor.post('/node/cart', { item: 'mug' })
    await visitor.post('/node/cart', { item: 'map' })
    expect((await visitor.get('/')).cart).toBe('mug 2, map 1')
    await logIn(visitor, 'Node', running().users.ann)
    await visitor.get('/node/')
    await visitor.post('/node/cart', { item: 'map' })
    const carts = [(await visitor.get('/')).cart, (await visitor.get('/node/')).cart]
    expect(carts).toEqual(['mug 2, map 2', 'mug 2, map 2'])
  })

  for (const [here, there] of sides) {
    test(`a logout at ${here} ends the session of who logged in at ${there}, for both`, async () => {
      const { username } = running().users.ann
      const visitor = await loggedIn(there, running().users.ann)
      const thief = await visitor.thief()
      expect(await known(thief)).toEqual([username, username])
      expect([302, 303]).toContain((await visitor.post(logouts[here], {})).status)
      expect(await visitor.cookie('sessionid')).toBeUndefined()
      expect(await known(visitor)).toEqual(['nobody', 'nobody'])
      // A cookie that is the session itself is worth something for as long as somebody keeps it.
      if (configuration.engine !== 'signed_cookies') expect(await known(thief)).toEqual(['nobody', 'nobody'])
    })
  }

  test.each([
    ['Django', 'Node', 'bea'],
    ['Node', 'Django', 'cy'],
  ] as const)(
    "a password that is changed at %s ends the user's other sessions at %s, and not this one",
    async (here, there, name) => {
      const user = running().users[name]
      const mine = await loggedIn(here, user)
      const other = await loggedIn(there, user)
      const changed = await changePassword(mine, here, user.password, renewed(user).password)
      expect([302, 303]).toContain(changed.status)
      expect((await other.get(home[there])).user).toBe('nobody')
      expect(await known(other)).toEqual(['nobody', 'nobody'])
      expect(await known(mine)).toEqual([user.username, user.username])
    },
  )

  // Of users and their hashes alone, wherever sessions are.
  if (configuration.name !== 'db') return

  test.each(sides)('a wrong password at %s leaves nobody logged in at %s', async (here) => {
    const visitor = await someone()
    await logIn(visitor, here, { ...running().users.ann, password: 'wrong' })
    expect(await known(visitor)).toEqual(['nobody', 'nobody'])
  })

  test.each([
    ['Django', 'Node', 'bea'],
    ['Node', 'Django', 'cy'],
  ] as const)(
    "a password that was changed at %s is good for a login at %s, which ends none of the user's sessions",
    async (here, there, name) => {
      const before = running().users[name]
      const user = renewed(before)
      const mine = await loggedIn(here, user)
      await loggedIn(there, user)
      expect(await known(mine)).toEqual([user.username, user.username])
      const late = await someone()
      await logIn(late, there, before)
      expect(await known(late)).toEqual(['nobody', 'nobody'])
    },
  )
}

function renewed({ username, password }: User): User {
  return { username, password: `${password}-new` }
}

async function changePassword(visitor: Visitor, side: Side, before: string, after: string): Promise<Page> {
  const path = side === 'Django' ? '/password/' : '/node/account/password'
  await visitor.get(path)
  const fields: Readonly<Record<string, string>> =
    side === 'Django' ? { new_password1: after, new_password2: after } : { new_password: after }
  return visitor.post(path, { old_password: before, ...fields })
}
