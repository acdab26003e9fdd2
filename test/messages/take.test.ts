import { expect, test } from 'vitest'
import { Scope } from '../../src/core/scope.js'
import type { Site } from '../../src/core/site.js'
import { ImproperlyConfigured } from '../../src/errors.js'
import { getMessages, messages, takeMessages } from '../../src/messages/index.js'
import { requestHead } from '../support/sites.js'
import { asynchronous, messagesSite, Visitor } from './visits.js'

/** A request of this visitor whose answer cannot be changed any more. */
async function late(site: Site, visitor: Visitor): Promise<object> {
  const request = {}
  const scope = Scope.open(site, request, requestHead({ cookie: visitor.cookies.header('/') }))
  await scope.look()
  scope.onlyRead()
  return request
}

const texts = async (request: object): Promise<string[]> => (await takeMessages(request)).map(String)

test('messages are forgotten at once where no response can do it, and all who ask get the same', async () => {
  const site = messagesSite({ messageStorage: 'session' }, asynchronous())
  const visitor = new Visitor(site)
  await visitor.visit((request) => messages.success(request, 'Saved.'))
  const request = await late(site, visitor)
  expect([await texts(request), await texts(request)]).toEqual([['Saved.'], ['Saved.']])
  expect(await texts(await late(site, visitor))).toEqual([])
})

test('one that came while the page was made is shown, and never forgotten unread', async () => {
  const site = messagesSite({ messageStorage: 'session' }, asynchronous())
  const visitor = new Visitor(site)
  await visitor.visit((request) => messages.success(request, 'first'))
  const request = await late(site, visitor)
  await visitor.visit((other) => messages.success(other, 'second'))
  expect(await texts(request)).toEqual(['first', 'second'])
})

test('those of a session that was ended meanwhile are gone', async () => {
  const site = messagesSite({ messageStorage: 'session' }, asynchronous())
  const visitor = new Visitor(site)
  const { scope } = await visitor.visit((request) => messages.success(request, 'Saved.'))
  const request = await late(site, visitor)
  await site.sessions.revoke(scope.state.key as string)
  expect(await texts(request)).toEqual([])
})

test('where a response follows, it forgets them', async () => {
  const site = messagesSite()
  const visitor = new Visitor(site)
  await visitor.visit((request) => messages.success(request, 'Saved.'))
  expect((await visitor.visit(texts)).result).toEqual(['Saved.'])
  expect((await visitor.visit((request) => [...getMessages(request)])).result).toEqual([])
})

test('those of a cookie cannot be forgotten without one, and that is said', async () => {
  const site = messagesSite()
  await expect(takeMessages(await late(site, new Visitor(site)))).rejects.toThrow(ImproperlyConfigured)
})
