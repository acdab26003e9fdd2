import express, { type Request } from 'express'
import session, { type SessionOptions, type Store } from 'express-session'
import { getUser, login, logout, sojourn } from '../../src/adapters/express.js'
import { userBackend } from '../../src/auth/part.js'
import type { User } from '../../src/auth/user.js'
import type { SettingsInput } from '../../src/core/settings.js'
import type { Site } from '../../src/core/site.js'
import { type ExpressSessionOptions, importExpressSession } from '../../src/import/index.js'
import { Client, type Served, serve } from '../../src/testing/index.js'
import { memoryDatabase } from '../security/live.js'
import { SECRET } from '../support/sites.js'

export const OLD_SECRET = 'the secret that express-session had'

/** What the old application kept. */
export interface Old {
  readonly user?: string
  readonly cart?: readonly string[]
  readonly [key: string]: unknown
}

/** An application as it is before it moves: express-session, with a login and a cart. */
export function oldSite(store: Store, options: Partial<SessionOptions> = {}): Promise<Served> {
  const app = express()
  app.use(session({ secret: OLD_SECRET, resave: false, saveUninitialized: false, store, ...options }))
  app.get('/login', (request, response, next) => {
    ours(request).regenerate((error) => {
      if (error) return next(error)
      ours(request).user = String(request.query['as'])
      response.send('hello')
    })
  })
  app.get('/add', (request, response) => {
    const old = ours(request)
    old.cart = [...(old.cart ?? []), String(request.query['it'])]
    response.send('added')
  })
  app.get('/put', (request, response) => {
    Object.assign(request.session, JSON.parse(String(request.query['json'])))
    response.send('put')
  })
  app.get('/', (request, response) => {
    const { user = null, cart = [] } = ours(request)
    response.json({ user, cart })
  })
  return serve(app)
}

/** Both libraries say what `request.session` is; here it is the old one's. */
type OldSession = { user?: string; cart?: readonly string[]; regenerate(done: (error?: unknown) => void): void }

function ours(request: Request): OldSession {
  return request.session as unknown as OldSession
}

/** What a page of the new application says of its visitor. */
export interface Seen {
  readonly user: string | null
  readonly data: Readonly<Record<string, unknown>>
  readonly key: string | null
}

/** The application on sojourn. */
export interface NewSite extends AsyncDisposable {
  readonly origin: string
  readonly site: Site
  /** Whose old session `map` was given, in order. */
  readonly mapped: string[]
  addUser(name: string): Promise<User>
}

export async function newSite(
  settings: SettingsInput,
  options: Omit<ExpressSessionOptions<Old>, 'secret' | 'map'> & Partial<ExpressSessionOptions<Old>>,
  database = memoryDatabase(),
): Promise<NewSite> {
  const mapped: string[] = []
  const middleware = sojourn({
    secretKey: SECRET,
    databases: { default: database },
    pbkdf2Iterations: 10,
    ...settings,
  } as SettingsInput)
  const users = userBackend(middleware.site)
  const importOld = importExpressSession<Old>({
    secret: OLD_SECRET,
    async map({ user, ...rest }, session, request) {
      mapped.push(String(user))
      session.update(rest)
      const known = user === undefined ? null : await users.getUser(user)
      if (known !== null) await login(request, known)
    },
    ...options,
  })
  const app = express()
  app.use(middleware)
  app.use((request, response, next) => importOld(request, response, next))
  app.get('/untouched', (_request, response) => void response.send('ok'))
  app.get('/keep/:key', (request, response, next) => {
    request.session.set(request.params.key, true)
    see(request).then((seen) => response.json(seen), next)
  })
  app.get('/fail', (request) => {
    request.session.set('lost', true)
    throw new Error('the page fails')
  })
  app.get('/logout', (request, response, next) => {
    Promise.resolve(logout(request)).then(() => response.send('bye'), next)
  })
  app.get('/', (request, response, next) => {
    see(request).then((seen) => response.json(seen), next)
  })
  app.use(((error: { status?: number; headers?: object }, _request, response, _next) => {
    response
      .set({ ...error.headers })
      .status(error.status ?? 500)
      .send('failed')
  }) satisfies express.ErrorRequestHandler)
  const served = await serve(app)
  return {
    origin: served.origin,
    site: middleware.site,
    mapped,
    addUser: (name) => users.createUser(name, 'correct horse'),
    async [Symbol.asyncDispose]() {
      await served.close()
      await middleware.site.close()
    },
  }
}

async function see(request: Request): Promise<Seen> {
  const user = await getUser(request)
  const { session } = request
  const data = Object.fromEntries([...session].filter(([key]) => !key.startsWith('_')))
  return { user: user?.username ?? null, data, key: session.sessionKey }
}

/** The same browser at the new application, with a copy of its cookies of the old one. */
export function movedTo(origin: string, visitor: Client, clock?: () => number): Client {
  const moved = new Client(origin, clock === undefined ? {} : { clock })
  const cookie = visitor.cookies.get('connect.sid')
  if (cookie !== undefined) moved.cookies.set('connect.sid', cookie)
  return moved
}
