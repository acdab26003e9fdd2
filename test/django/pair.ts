import { mkdir, mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import express, { type Request } from 'express'
import { type SettingsInput, type Site, sojourn } from 'sojourn'
import { csrfInput, sojourn as sojournForExpress } from 'sojourn/express'
import { Client, type ClientResponse, type RequestOptions, type Served, serve } from 'sojourn/testing'
import type { Suite } from './home.js'
import { type Django, startDjango } from './server.js'

export const SECRET = 'a secret of the tests, of more than fifty characters in all'

/** Django's session engines, by the last word of their paths. */
export type DjangoEngine = 'db' | 'cache' | 'cached_db' | 'file' | 'signed_cookies'

/** A cache as both know it: an entry of Django's `CACHES`. */
export interface SharedCache {
  readonly BACKEND: string
  readonly LOCATION: string
  readonly KEY_PREFIX?: string
  readonly VERSION?: number
}

export interface PairOptions {
  readonly suite?: Suite
  readonly secretKey?: string
  /** Where both keep sessions (default `db`). */
  readonly engine?: DjangoEngine
  /** A file of an earlier pair, or the URL of a database in a PostgreSQL or MariaDB; without it a file that goes with this pair. */
  readonly database?: string
  readonly cache?: SharedCache
  /** Other settings on both sides, in Django's names. */
  readonly settings?: SettingsInput & Readonly<Record<string, unknown>>
}

/** Django and sojourn on the same stores, with one secret key. */
export interface Pair extends AsyncDisposable {
  readonly django: Django
  readonly site: Site
  /** Where the file engine keeps sessions. */
  readonly sessionFolder: string
  /** Somebody new, with one cookie jar for both: a browser does not tell ports apart. */
  visitor(sessionid?: string): Visitor
  /** The JSON text of a session's data, as it stands in the table. */
  stored(key: string | undefined): Promise<string>
  /** The JSON text of what Django loads for a key, from whatever engine. */
  loaded(key: string | undefined): Promise<string>
  /** Whether Django's engine finds anything under a key. */
  exists(key: string | undefined): Promise<boolean>
}

/** The work of a request, done inside of sojourn's middleware. */
type Work<T> = (request: Request) => T | Promise<T>

export async function startPair({
  suite,
  secretKey = SECRET,
  engine = 'db',
  cache,
  ...given
}: PairOptions = {}): Promise<Pair> {
  const folder = await mkdtemp(join(tmpdir(), 'sojourn-pair-'))
  const sessionFolder = join(folder, 'sessions')
  await mkdir(sessionFolder)
  const { database = join(folder, 'db.sqlite3') } = given
  const settings = {
    SESSION_ENGINE: `django.contrib.sessions.backends.${engine}` as const,
    SESSION_FILE_PATH: sessionFolder,
    ...(cache === undefined ? {} : { CACHES: { default: cache } }),
    ...given.settings,
  }
  const django = await startDjango({ suite, database, secretKey, settings }).catch(async (error) => {
    await rm(folder, { recursive: true })
    throw error
  })
  const site = sojourn({
    secretKey,
    databases: { default: /^\w+:\/\//.test(database) ? database : `sqlite:${database}` },
    // As many as the Django of the tests does, which would otherwise hash anew at login.
    pbkdf2Iterations: 1000,
    // The machine may be busy with other tests.
    sessionStoreTimeout: 10,
    ...settings,
  })
  const works = new Map<string, Work<void>>()
  const served = await serve(application(site, works))
  const visitors: Visitor[] = []
  return {
    django,
    site,
    sessionFolder,
    visitor(sessionid) {
      const visitor = new Visitor(django, served, works)
      if (sessionid !== undefined) visitor.cookies.set('sessionid', sessionid)
      visitors.push(visitor)
      return visitor
    },
    stored: (key) => django.python(storedText, key),
    loaded: (key) => django.python(loadedText, key),
    exists: async (key) => (await django.python(keyExists, key)) === 'True',
    async [Symbol.asyncDispose]() {
      for (const visitor of visitors) visitor.close()
      await served.close()
      await site.close()
      await django.stop()
      await rm(folder, { recursive: true })
    },
  }
}

function application(site: Site, works: ReadonlyMap<string, Work<void>>): express.Express {
  const app = express()
  app.use(sojournForExpress(site))
  app.get('/do/:id', async (request, response) => {
    await works.get(request.params.id)?.(request)
    response.send('done')
  })
  app.get('/form', (request, response) => void response.send(`<form method="post">${csrfInput(request)}</form>`))
  app.post('/form', (_, response) => void response.send('ok'))
  return app
}

let lastId = 0

export class Visitor extends Client {
  readonly #django: Django
  readonly #served: Served
  readonly #works: Map<string, Work<void>>

  constructor(django: Django, served: Served, works: Map<string, Work<void>>) {
    super(served.origin)
    this.#django = django
    this.#served = served
    this.#works = works
  }

  /** The line of the last answer that set the session's cookie, if it did. */
  sessionLine: string | undefined

  override async request(method: string, path: string, options?: RequestOptions): Promise<ClientResponse> {
    const response = await super.request(method, path, options)
    this.sessionLine = response.setCookies.find((line) => line.startsWith('sessionid='))
    return response
  }

  get key(): string | undefined {
    return this.cookies.get('sessionid')
  }

  /** The address of a page of either side. */
  at(side: 'django' | 'node', path: string): string {
    return side === 'django' ? `${this.#django.url}/django/${path}` : `${this.#served.origin}/${path}`
  }

  /** A page of Django; with a body, which may be JSON text or a value, it is posted. */
  django(path: string, body?: unknown): Promise<ClientResponse> {
    if (body === undefined) return this.get(this.at('django', path))
    const text = typeof body === 'string' ? body : JSON.stringify(body)
    return this.request('POST', this.at('django', path), {
      headers: { 'Content-Type': 'application/json' },
      body: text,
    })
  }

  /** What each operation on Django's `request.session` gave. */
  async ops(...operations: readonly (readonly unknown[])[]): Promise<unknown[]> {
    const response = await this.django('ops', operations)
    if (response.status !== 200) throw new Error(`Django answered ${response.status}: ${this.#django.log()}`)
    return response.json<{ results: unknown[] }>().results
  }

  /** What Django knows about who this is. */
  async whoami(): Promise<unknown> {
    return (await this.django('whoami')).json()
  }

  /** A request to sojourn that does this; what it gave, if the answer was 200. */
  async node<T>(work: Work<T>): Promise<T> {
    const { status, result } = await this.answer(work)
    if (status !== 200) throw new Error(`sojourn answered ${status}`)
    return result as T
  }

  /** As `node`, for requests that are answered otherwise. */
  async answer<T>(work: Work<T>): Promise<{ readonly status: number; readonly result: T | undefined }> {
    const id = String(++lastId)
    let result: T | undefined
    let failure: { readonly error: unknown } | undefined
    this.#works.set(id, async (request) => {
      try {
        result = await work(request)
      } catch (error) {
        failure = { error }
      }
    })
    const { status } = await this.get(this.at('node', `do/${id}`))
    this.#works.delete(id)
    if (failure !== undefined) throw failure.error
    return { status, result }
  }
}

const storedText = `
from django.contrib.sessions.backends.db import SessionStore
from django.contrib.sessions.models import Session
from django.core import signing
class Text:
    def loads(self, data):
        return data.decode('latin-1')
data = Session.objects.get(pk=args).session_data
print(signing.loads(data, salt=SessionStore().key_salt, serializer=Text), end='')
`

/** `SessionStore`, of the engine that is set. */
export const sessionStore = `
import json
from importlib import import_module
from django.conf import settings
SessionStore = import_module(settings.SESSION_ENGINE).SessionStore
`

const loadedText = `${sessionStore}
print(json.dumps(SessionStore(args).load(), separators=(',', ':')), end='')
`

const keyExists = `${sessionStore}
print(bool(SessionStore().exists(args)), end='')
`
