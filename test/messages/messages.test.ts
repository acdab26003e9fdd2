import { describe, expect, test } from 'vitest'
import { MessageFailure, NoScope, SessionSealed, SessionValueError } from '../../src/errors.js'
import { getMessages, messages, safe } from '../../src/messages/index.js'
import { bareSite } from '../support/sites.js'
import { messagesSite, Visitor } from './visits.js'

describe('a message', () => {
  test('is shown on the next page, once', async () => {
    const visitor = new Visitor(messagesSite())
    await visitor.visit((request) => messages.success(request, 'Saved.'))
    expect(await visitor.shown()).toEqual(['Saved.'])
    expect(await visitor.shown()).toEqual([])
    expect(visitor.cookies.header('/')).toBe('')
  })

  test('waits until somebody looks, and others join it in order', async () => {
    const visitor = new Visitor(messagesSite())
    await visitor.visit((request) => messages.info(request, 'first'))
    await visitor.visit(() => undefined)
    await visitor.visit((request) => messages.info(request, 'second'))
    expect(await visitor.shown()).toEqual(['first', 'second'])
  })

  test('has its level, the tags it was given and the tag of its level', async () => {
    const visitor = new Visitor(messagesSite())
    await visitor.visit((request) => {
      messages.add(request, messages.DEBUG + 1, 'odd')
      messages.warning(request, 'careful', { extraTags: 'sticky' })
      messages.error(request, 'broken', { extraTags: null })
    })
    const { result } = await visitor.visit((request) => [...getMessages(request)])
    expect(result).toMatchObject([
      { level: 30, message: 'careful', extraTags: 'sticky', levelTag: 'warning', tags: 'sticky warning', safe: false },
      { level: 40, message: 'broken', extraTags: null, levelTag: 'error', tags: 'error', safe: false },
    ])
  })

  test('of each level has the tag that Django or the setting gives it, and of another level none', async () => {
    const visitor = new Visitor(messagesSite({ messageLevel: 0, messageTags: { 40: 'danger', 55: 'critical' } }))
    const tags = await visitor.visit((request) => {
      for (const say of [messages.debug, messages.info, messages.success, messages.warning, messages.error])
        say(request, 'x')
      for (const level of [55, 56]) messages.add(request, level, 'x')
      return [...getMessages(request)].map((message) => message.levelTag)
    })
    expect(tags.result).toEqual(['debug', 'info', 'success', 'warning', 'danger', 'critical', ''])
  })

  test('below the level, or without a text, is dropped', async () => {
    const { result, response } = await new Visitor(messagesSite()).visit((request) => {
      messages.debug(request, 'too low')
      messages.error(request, '')
      return getMessages(request).length
    })
    expect(result).toBe(0)
    expect(response.cookies).toEqual([])
  })

  test('is dropped by the level of its own request, which the next request does not know', async () => {
    const visitor = new Visitor(messagesSite({ messageLevel: 'warning' }))
    const { result } = await visitor.visit((request) => {
      const levels = [messages.getLevel(request)]
      expect(messages.setLevel(request, messages.DEBUG)).toBe(true)
      levels.push(messages.getLevel(request))
      messages.debug(request, 'kept')
      messages.setLevel(request, null)
      messages.info(request, 'dropped')
      return [...levels, messages.getLevel(request)]
    })
    expect(result).toEqual([30, 10, 30])
    const next = await visitor.visit((request) => [messages.getLevel(request), ...getMessages(request)].map(String))
    expect(next.result).toEqual(['30', 'kept'])
  })

  test('of safe(html) says that it may be shown unescaped, also on the next page', async () => {
    const visitor = new Visitor(messagesSite())
    await visitor.visit((request) => {
      messages.info(request, safe('<b>bold</b>'))
      messages.info(request, '<b>bold</b>')
    })
    const { result } = await visitor.visit((request) => [...getMessages(request)])
    expect(result.map(({ message, safe }) => [message, safe])).toEqual([
      ['<b>bold</b>', true],
      ['<b>bold</b>', false],
    ])
  })

  test.each([
    ['an object that a visitor sent as JSON', { safe: '<script>', html: '<script>' }],
    ['a list that a query parser made', ['<script>']],
    ['a number', 7],
    ['nothing, where the text was forgotten', undefined],
    ['null', null],
  ])('cannot be %s', async (_, text) => {
    const visitor = new Visitor(messagesSite())
    await visitor.visit((request) => {
      expect(() => messages.info(request, text as unknown as string)).toThrow(SessionValueError)
    })
    expect(await visitor.shown()).toEqual([])
  })

  test('takes whole levels and text tags only', async () => {
    await new Visitor(messagesSite()).visit((request) => {
      const extraTags = ['a'] as unknown as string
      expect(() => messages.add(request, 20.5, 'x')).toThrow(SessionValueError)
      expect(() => messages.add(request, '20' as unknown as number, 'x')).toThrow(SessionValueError)
      expect(() => messages.setLevel(request, Number.NaN)).toThrow(SessionValueError)
      expect(() => messages.info(request, 'x', { extraTags })).toThrow(SessionValueError)
    })
  })

  test('after the response has begun is an error and not a loss, and looking still works', async () => {
    const visitor = new Visitor(messagesSite())
    await visitor.visit((request) => messages.info(request, 'before'))
    const { request } = await visitor.visit(() => undefined)
    expect(() => messages.info(request, 'late')).toThrow(SessionSealed)
    expect([...getMessages(request)].map(String)).toEqual(['before'])
    expect(await visitor.shown()).toEqual(['before'])
  })
})

describe('the messages of a request', () => {
  test('may be counted without being read', async () => {
    const visitor = new Visitor(messagesSite())
    await visitor.visit((request) => messages.info(request, 'old'))
    const { result, response } = await visitor.visit((request) => getMessages(request).length)
    expect(result).toBe(1)
    expect(response.cookies).toEqual([])
    expect(await visitor.shown()).toEqual(['old'])
  })

  test('are the same at a second look, with what was added since', async () => {
    const visitor = new Visitor(messagesSite())
    await visitor.visit((request) => messages.info(request, 'old'))
    const { result } = await visitor.visit((request) => {
      const looks = [[...getMessages(request)].map(String)]
      messages.info(request, 'new')
      return [...looks, [...getMessages(request)].map(String), getMessages(request).length]
    })
    expect(result).toEqual([['old'], ['old', 'new'], 2])
    expect(await visitor.shown()).toEqual([])
  })

  test('keep only what was added after the last look', async () => {
    const visitor = new Visitor(messagesSite())
    await visitor.visit((request) => messages.info(request, 'old'))
    await visitor.visit((request) => {
      expect([...getMessages(request)]).toHaveLength(1)
      messages.info(request, 'new')
    })
    expect(await visitor.shown()).toEqual(['new'])
  })

  test('as JSON are shown whole, and so are read', async () => {
    const visitor = new Visitor(messagesSite())
    await visitor.visit((request) => messages.info(request, 'x'))
    const { result } = await visitor.visit((request) => JSON.stringify(getMessages(request)))
    const shown = { level: 20, message: 'x', extraTags: '', safe: false, levelTag: 'info', tags: 'info' }
    expect(JSON.parse(result)).toEqual([shown])
    expect(await visitor.shown()).toEqual([])
  })
})

describe('a request that does not look at messages', () => {
  test.each([
    ['asks for none', () => undefined],
    ['hands them to a page that shows none', (request: object) => void getMessages(request)],
    ['adds one below the level', (request: object) => messages.debug(request, 'x')],
    ['asks for the level', (request: object) => void messages.getLevel(request)],
  ])('changes no header: it %s', async (_, handler) => {
    const visitor = new Visitor(messagesSite())
    await visitor.visit((request) => messages.info(request, 'waits'))
    const { response } = await visitor.visit(handler)
    expect([response.cookies, response.headers.size]).toEqual([[], 0])
    expect(await visitor.shown()).toEqual(['waits'])
  })

  test('does not look at the session', async () => {
    const { scope } = await new Visitor(messagesSite()).visit(() => undefined)
    expect(scope.state.accessed).toBe(false)
  })
})

describe('where messages are switched off', () => {
  const off = (): Visitor => new Visitor(bareSite())

  test('adding fails unless it may fail silently, and there is nothing to show', async () => {
    await off().visit((request) => {
      expect(() => messages.info(request, 'x')).toThrow(MessageFailure)
      expect(() => messages.info(request, 'x', { failSilently: true })).not.toThrow()
      expect([...getMessages(request)]).toEqual([])
      expect(getMessages(request).length).toBe(0)
      expect([messages.getLevel(request), messages.setLevel(request, 40)]).toEqual([20, false])
    })
  })

  test('a request that no middleware saw is an error that says so, unless it may fail silently', () => {
    expect(() => messages.info({}, 'x')).toThrow(NoScope)
    expect(() => getMessages({})).toThrow(NoScope)
    expect(() => messages.info({}, 'x', { failSilently: true })).not.toThrow()
  })
})
