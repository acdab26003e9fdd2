import { randomUUID } from 'node:crypto'
import type { IncomingMessage, Server, ServerResponse } from 'node:http'
import { createServer } from 'node:http'
import { reply } from './frameworks.js'
import type { Serve, Setup } from './index.js'
import { largeSession, smallSession } from './pages.js'
import { countStatements, openSqlite } from './sqlite.js'

/**
 * What the work itself costs: a cookie, JSON and the same statements on the same table as sojourn's, written by hand without any session
 * logic. Nothing is signed, no change is detected, no save is repeated, nothing is said to caches.
 */
export const serve: Serve = (setup) => handWritten(setup.store === 'memory' ? memory(setup) : sqlite(setup))

/** The text of a session under its key; `set` only if `old` is still there. */
interface Texts {
  get(key: string): string | undefined
  set(key: string, text: string, old: string): boolean
  add(key: string, text: string): void
}

function memory({ count }: Setup): Texts {
  const texts = new Map<string, string>()
  const store: Texts = {
    get: (key) => texts.get(key),
    set(key, text, old) {
      if (texts.get(key) !== old) return false
      texts.set(key, text)
      return true
    },
    add: (key, text) => void texts.set(key, text),
  }
  count?.(store, ['get', 'set', 'add'])
  return store
}

const TABLE = `
  CREATE TABLE django_session (session_key varchar(40) NOT NULL PRIMARY KEY, session_data text NOT NULL, expire_date datetime NOT NULL);
  CREATE INDEX django_session_expire_date ON django_session (expire_date)`

function sqlite({ file, count }: Setup): Texts {
  if (count) countStatements(count)
  const handle = openSqlite(file)
  handle.exec(TABLE)
  const select = handle.prepare('SELECT session_data FROM django_session WHERE session_key = ? AND expire_date > ?')
  const update = handle.prepare(
    'UPDATE django_session SET session_data = ?, expire_date = ? WHERE session_key = ? AND expire_date > ? AND session_data = ?',
  )
  const insert = handle.prepare('INSERT INTO django_session VALUES (?, ?, ?) ON CONFLICT DO NOTHING')
  return {
    get: (key) => (select.get(key, moment(0)) as { session_data: string } | undefined)?.session_data,
    set: (key, text, old) => update.run(text, moment(TWO_WEEKS), key, moment(0), old).changes === 1,
    add: (key, text) => void insert.run(key, text, moment(TWO_WEEKS)),
  }
}

const TWO_WEEKS = 14 * 86_400_000

function moment(fromNow: number): string {
  return new Date(Date.now() + fromNow).toISOString().replace('T', ' ').replace('Z', '000')
}

function handWritten(texts: Texts): Server {
  const create = (response: ServerResponse, session: object): void => {
    const key = randomUUID()
    texts.add(key, JSON.stringify(session))
    response.setHeader('Set-Cookie', `sessionid=${key}; Path=/; HttpOnly; SameSite=Lax`)
  }
  const pages: Readonly<Record<string, (request: IncomingMessage, response: ServerResponse) => string>> = {
    '/untouched': () => 'ok',
    '/read': (request) => String(parsed(texts.get(keyOf(request))).username),
    '/large': (request) => String(parsed(texts.get(keyOf(request))).key20),
    '/write': (request) => {
      const key = keyOf(request)
      const old = texts.get(key) ?? '{}'
      const session = parsed(old)
      session.count = Number(session.count) + 1
      return texts.set(key, JSON.stringify(session), old) ? String(session.count) : 'conflict'
    },
    '/create': (_, response) => {
      create(response, { count: 1 })
      return '1'
    },
    '/prepare/small': (_, response) => {
      create(response, smallSession())
      return 'ok'
    },
    '/prepare/large': (_, response) => {
      create(response, largeSession())
      return 'ok'
    },
  }
  return createServer((request, response) => {
    const page = pages[request.url ?? '']
    if (page === undefined) reply(response, 404, 'no such page')
    else reply(response, 200, page(request, response))
  })
}

function keyOf(request: IncomingMessage): string {
  const header = request.headers.cookie ?? ''
  const start = header.indexOf('sessionid=') + 'sessionid='.length
  return header.slice(start, start + 36)
}

function parsed(text: string | undefined): Record<string, unknown> {
  return JSON.parse(text ?? '{}') as Record<string, unknown>
}
