import { randomUUID } from 'node:crypto'
import type { IncomingMessage, Server, ServerResponse } from 'node:http'
import { createServer } from 'node:http'
import { reply } from './frameworks.js'
import type { Serve } from './index.js'
import { largeSession, SLIDING, smallSession } from './pages.js'
import { openTexts, slidingGet, type Texts } from './texts.js'

/**
 * What the work itself costs: a cookie, JSON and the same calls of the same driver on the same store as sojourn's, written by hand without
 * any session logic. Nothing is signed, no change is detected, no save is repeated, nothing is said to caches.
 */
export const serve: Serve = async (setup) => {
  const open = setup.store === null ? undefined : openTexts[setup.store]
  if (open === undefined) throw new Error(`No floor is written for ${setup.store}.`)
  return handWritten(await open(setup))
}

type MaybePromise<T> = T | Promise<T>

type Page = (request: IncomingMessage, response: ServerResponse) => MaybePromise<string>

function handWritten(texts: Texts): Server {
  const create = (response: ServerResponse, session: object, answer: string): MaybePromise<string> => {
    const key = randomUUID()
    response.setHeader('Set-Cookie', `sessionid=${key}; Path=/; HttpOnly; SameSite=Lax`)
    return after(texts.add(key, JSON.stringify(session)), () => answer)
  }
  const getSliding = slidingGet(texts)
  const pages: Readonly<Record<string, Page>> = {
    '/untouched': () => 'ok',
    '/read': (request) => after(texts.get(keyOf(request)), (text) => String(parsed(text).username)),
    [SLIDING]: (request) => after(getSliding(keyOf(request)), (text) => String(parsed(text).username)),
    '/large': (request) => after(texts.get(keyOf(request)), (text) => String(parsed(text).key20)),
    '/write': (request) => {
      const key = keyOf(request)
      return after(texts.get(key), (old = '{}') => {
        const session = parsed(old)
        session.count = Number(session.count) + 1
        return after(texts.set(key, JSON.stringify(session), old), (isSet) =>
          isSet ? String(session.count) : 'conflict',
        )
      })
    },
    '/create': (_, response) => create(response, { count: 1 }, '1'),
    '/prepare/small': (_, response) => create(response, smallSession(), 'ok'),
    '/prepare/large': (_, response) => create(response, largeSession(), 'ok'),
  }
  return createServer((request, response) => {
    const page = pages[request.url ?? '']
    if (page === undefined) return reply(response, 404, 'no such page')
    const answer = page(request, response)
    if (typeof answer === 'string') return reply(response, 200, answer)
    answer.then(
      (body) => reply(response, 200, body),
      (error) => reply(response, 500, String(error)),
    )
  })
}

/** No promise where a store answers at once. */
function after<T, U>(value: MaybePromise<T>, next: (value: T) => MaybePromise<U>): MaybePromise<U> {
  return value instanceof Promise ? value.then(next) : next(value)
}

function keyOf(request: IncomingMessage): string {
  const header = request.headers.cookie ?? ''
  const start = header.indexOf('sessionid=') + 'sessionid='.length
  return header.slice(start, start + 36)
}

function parsed(text: string | undefined): Record<string, unknown> {
  return JSON.parse(text ?? '{}') as Record<string, unknown>
}
