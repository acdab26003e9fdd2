import { once } from 'node:events'
import type { IncomingMessage } from 'node:http'
import { Client } from 'sojourn/testing'
import { beforeAll, describe, expect, test } from 'vitest'
import { WebSocket } from 'ws'
import { type Started, starts } from './start.js'

describe.each(['bun', 'deno', 'workerd'] as const)('on %s', (name) => {
  let started: Started
  beforeAll(async () => {
    started = await starts[name]('watching.ts')
    return () => started[Symbol.asyncDispose]()
  }, 300_000)

  function open(cookie: string, origin: string): WebSocket {
    return new WebSocket(started.origin.replace('http', 'ws'), { headers: { cookie, origin } })
  }

  test('a socket of a logged-in visitor is greeted, and closed when they log out; one of another visitor stays', async () => {
    const visitors = [new Client(started.origin), new Client(started.origin)] as const
    const sockets: WebSocket[] = []
    for (const visitor of visitors) {
      await visitor.get('/login')
      const socket = open(`sessionid=${visitor.cookies.get('sessionid')}`, 'https://chat.example')
      sockets.push(socket)
      expect(String((await once(socket, 'message'))[0])).toBe('hello, ann')
    }
    // The first one opened what the other would have to share.
    for (const [at, visitor] of visitors.entries()) {
      const closed = once(sockets[at] as WebSocket, 'close')
      if (at === 0) expect(sockets[1]?.readyState).toBe(WebSocket.OPEN)
      await visitor.get('/logout')
      expect((await closed)[0]).toBe(4401)
      await visitor[Symbol.asyncDispose]()
    }
  }, 60_000)

  test.each([
    ['of another origin', 'https://evil.example'],
    ['of nobody', 'https://chat.example'],
  ])('a socket %s is refused', async (_, origin) => {
    const socket = open('', origin)
    const [, response] = (await once(socket, 'unexpected-response')) as [unknown, IncomingMessage]
    expect(response.statusCode).toBe(403)
    response.destroy()
  })
})
