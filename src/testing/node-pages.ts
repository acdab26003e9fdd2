import { once } from 'node:events'
import type { IncomingMessage, ServerResponse } from 'node:http'
import { Readable } from 'node:stream'
import type { App } from './app.js'
import { LONG } from './contract-pages.js'
import type { Made } from './control.js'
import type { Gates } from './gates.js'

type Page = (request: IncomingMessage, response: ServerResponse) => void | Promise<void>

const BLOCK = Buffer.alloc(64 * 1024, 'x')

/** The pages that the claims of the Node contract visit. Each writes the session, then answers in a way of its own. */
export function nodePages(gates: Gates, made: Made): App['node'] {
  const pages: Readonly<Record<string, Page>> = {
    '/read': (request, response) => {
      response.end(JSON.stringify(Object.fromEntries(request.session)))
    },
    '/write': (request, response) => {
      request.session.a = 1
      response.end('written')
    },
    '/head-object': (request, response) => {
      request.session.a = 1
      response.writeHead(201, { Vary: 'Accept', 'Set-Cookie': ['one=1', 'two=2'], 'X-Page': 'yes' }).end('body')
    },
    '/head-list': (request, response) => {
      request.session.a = 1
      response.setHeader('X-Page', 'replaced')
      response.writeHead(201, ['Vary', 'Accept', 'Set-Cookie', 'one=1', 'Set-Cookie', 'two=2', 'X-Page', 'yes'])
      response.end('body')
    },
    '/head-500': (request, response) => {
      request.session.a = 1
      response.writeHead(500)
      response.end('sorry')
    },
    '/own-message': (request, response) => {
      request.session.a = 1
      response.statusMessage = 'Fine'
      response.end('the answer of the handler')
    },
    '/head-message': (request, response) => {
      request.session.a = 1
      response.writeHead(201, 'Made', { 'Set-Cookie': 'one=1' })
      response.end('body')
    },
    '/flush-headers': async (request, response) => {
      request.session.a = 1
      response.setHeader('X-Page', 'yes')
      response.flushHeaders()
      await gates.pass('body')
      response.end('body')
    },
    '/pieces': (request, response) => {
      request.session.a = 1
      const told: string[] = []
      const tell = (what: string): void => void told.push(what)
      response.write('one ', () => tell('write'))
      response.write(Buffer.from('two '), 'utf8', () => tell('write'))
      response.on('finish', () => tell('finish'))
      response.end('dHJocmVl', 'base64', () => {
        tell('end')
        Object.assign(made, { told })
      })
    },
    '/state': async (request, response) => {
      request.session.a = 1
      const before = [response.headersSent, response.writableEnded]
      response.write('x')
      const writing = [response.headersSent, response.writableEnded]
      response.end()
      Object.assign(made, { states: [before, writing, [response.headersSent, response.writableEnded]] })
    },
    '/two-answers': async (request, response) => {
      request.session.a = 1
      response.setHeader('Content-Length', 16)
      response.setHeader('X-Kind', 'first')
      response.end('the first answer')
      const changes = [
        () => response.setHeader('Content-Length', 6),
        () => response.appendHeader('X-Kind', 'second'),
        () => response.removeHeader('Content-Length'),
        () => response.writeHead(201, { 'X-Page': 'second' }),
      ]
      Object.assign(made, { refused: changes.map(codeOf) })
      response.statusCode = 500
      response.once('error', () => undefined)
      response.end('second')
      made.ended = true
    },
    '/loop': async (request, response) => {
      request.session.a = 1
      while (made.bytes < LONG) {
        made.bytes += BLOCK.length
        if (!response.write(BLOCK)) await once(response, 'drain')
      }
      response.end()
      made.ended = true
    },
    '/pipe': (request, response) => {
      request.session.a = 1
      source(made).pipe(response)
    },
    '/trickle': async (request, response) => {
      request.session.a = 1
      response.writeHead(200, { 'X-Page': 'yes', 'Set-Cookie': 'one=1' })
      for (let i = 0; i < 5; i++) {
        response.write('the answer of the handler')
        await new Promise((resolve) => setTimeout(resolve, 5))
      }
      response.end('the answer of the handler')
      made.ended = true
    },
    '/callbacks': async (request, response) => {
      request.session.a = 1
      await new Promise<void>((resolve) => response.write('the answer of the handler', () => resolve()))
      await new Promise<void>((resolve) => response.end(() => resolve()))
      made.ended = true
    },
    '/late': async (request, response) => {
      response.writeHead(200)
      response.write('head ')
      const read = request.session.get('a', 'nothing')
      try {
        request.session.a = 2
      } catch (error) {
        response.end(`${read} ${(error as { code: string }).code}`)
      }
    },
    '/late-key': async (request, response) => {
      request.session.a = 1
      response.write('head ')
      const given = await request.session.transact((session) => session.cycleKey()).then(() => 'a new key', codeIn)
      response.end(given)
    },
    '/late-again': (request, response) => {
      request.session.a = 1
      response.write('head ')
      const tries = [
        () => (request.session.b = 2),
        () => request.session.set('b', 2),
        () => delete request.session['a'],
        () => request.session.clear(),
        () => request.session.setExpiry(1),
        () => (request.session.modified = true),
        () => request.session.cycleKey(),
      ]
      response.end(tries.map(codeOf).join(' '))
    },
    '/bad-status': (request, response) => {
      request.session.a = 1
      response.writeHead(99)
      response.end('the answer of the handler')
    },
    '/bad-body': (request, response) => {
      request.session.a = 1
      response.end({ not: 'a body' })
    },
    '/late-transact': async (request, response) => {
      response.write('head ')
      await request.session.transact((session) => {
        session.a = Number(session.get('a', 0)) + 1
      })
      response.end('added')
    },
    '/crash-late': (request, response) => {
      request.session.a = 1
      response.flushHeaders()
      response.write('begun')
      throw new Error('the page failed, as it was asked to')
    },
  }
  return (request, response) => pages[new URL(request.url ?? '/', 'http://localhost').pathname]?.(request, response)
}

function codeIn(error: unknown): string {
  return String((error as { code?: unknown }).code)
}

/** The code of the error that something throws. */
function codeOf(run: () => unknown): unknown {
  try {
    return run()
  } catch (error) {
    return codeIn(error)
  }
}

function source(made: Made): Readable {
  const readable = new Readable({
    read() {
      made.bytes += BLOCK.length
      this.push(made.bytes > LONG ? null : BLOCK)
    },
  })
  return readable.on('close', () => {
    made.ended = true
  })
}
