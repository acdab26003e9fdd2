import { once } from 'node:events'
import type { IncomingMessage, ServerResponse } from 'node:http'
import { connect } from 'node:net'
import express from 'express'
import { sojourn as expressSojourn } from '../../src/adapters/express.js'
import { sojourn as nodeSojourn } from '../../src/adapters/node.js'
import { authTables } from '../../src/auth/schema.js'
import type { SettingsInput } from '../../src/core/settings.js'
import type { Site } from '../../src/core/site.js'
import type { Database, Row } from '../../src/databases/database.js'
import { sqlite } from '../../src/databases/sqlite.js'
import { sessionTables } from '../../src/engines/db.js'
import { Client, serve } from '../../src/testing/index.js'
import { SECRET } from '../support/sites.js'

export type Adapter = 'node' | 'express'
export const adapters: readonly Adapter[] = ['node', 'express']

export type Page = (request: IncomingMessage, response: ServerResponse) => unknown

/** A site on the loopback, with its tables in memory. `await using` takes it down. */
export interface Live extends AsyncDisposable {
  readonly site: Site
  readonly origin: string
  readonly database: Database
  /** The keys in Django's table. */
  keys(): string[]
  visitor(): Client
}

/** Serves one page, which sees every request that the site lets through. */
export async function live(adapter: Adapter, settings: SettingsInput, page: Page): Promise<Live> {
  const database = memoryDatabase()
  const middleware = (adapter === 'node' ? nodeSojourn : expressSojourn)({
    secretKey: SECRET,
    databases: { default: database },
    pbkdf2Iterations: 10,
    ...settings,
  } as SettingsInput)
  const { origin, close } = await serve(listener(middleware, page))
  const visitors: Client[] = []
  return {
    site: middleware.site,
    origin,
    database,
    keys: () => keysOf(database),
    visitor() {
      const visitor = new Client(origin)
      visitors.push(visitor)
      return visitor
    },
    async [Symbol.asyncDispose]() {
      for (const visitor of visitors) visitor.close()
      await close()
      await middleware.site.close()
      await database.close()
    },
  }
}

function listener(middleware: ReturnType<typeof nodeSojourn> | ReturnType<typeof expressSojourn>, page: Page) {
  if ('handle' in middleware) return middleware.handle(page)
  const app = express()
  app.use(middleware)
  app.use(async (request, response) => void (await page(request, response)))
  return app
}

/** SQLite in memory, with the tables of sessions and users. */
export function memoryDatabase(): Database {
  const database = sqlite('sqlite::memory:', { useTz: true, timeZone: 'UTC' })
  void sessionTables(database)
  void authTables(database)
  return database
}

export function keysOf(database: Database): string[] {
  const rows = database.prepare('SELECT session_key FROM django_session').all()
  return (rows as readonly Row[]).map((row) => row.session_key as string)
}

/** What a server says to these bytes, until it closes the connection; `halfClosed` closes our side once they are sent. */
export async function raw(origin: string, bytes: string | Buffer, halfClosed = false): Promise<string> {
  const socket = connect({ port: Number(new URL(origin).port), host: '127.0.0.1' })
  const chunks: Buffer[] = []
  socket.on('data', (chunk) => chunks.push(chunk))
  socket.on('error', () => undefined)
  const closed = once(socket, 'close').catch(() => undefined)
  socket.write(typeof bytes === 'string' ? Buffer.from(bytes, 'latin1') : bytes)
  if (halfClosed) socket.end()
  await closed
  return Buffer.concat(chunks).toString('latin1')
}

/** A GET with these header lines and nothing else, by bytes: clients refuse to send much of what servers get. */
export function rawGet(origin: string, ...lines: readonly string[]): Promise<string> {
  return raw(origin, ['GET / HTTP/1.1', 'Host: 127.0.0.1', 'Connection: close', ...lines, '', ''].join('\r\n'))
}

/** The values that a response gives a cookie; one that is taken away has an empty value. */
export function given(setCookies: readonly string[], name: string): string[] {
  return setCookies
    .filter((line) => line.startsWith(`${name}=`))
    .map((line) => line.slice(name.length + 1).split(';', 1)[0] as string)
    .filter((value) => value !== '' && value !== '""')
}
