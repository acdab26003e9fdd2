import { type IncomingMessage, request, type ServerResponse } from 'node:http'
import { fileURLToPath } from 'node:url'
import { authenticate, getUser, login } from 'sojourn/auth'
import { csrfInput, sojourn } from 'sojourn/node'
import { createSites, type Sites } from 'sojourn/sites'
import { type ClientResponse, serve } from 'sojourn/testing'
import type { Site } from '../../src/core/site.js'
import type { SiteEvents } from '../../src/core/types.js'
import { Browser, PASSWORD, type Visited } from '../sites/world.js'
import { SECRET } from '../support/sites.js'
import type { Suite } from './home.js'
import { type Django, startDjango } from './server.js'

export type Name = 'hub' | 'shop' | 'news'
const NAMES: readonly Name[] = ['hub', 'shop', 'news']

/** The folder with the Python files of the guide. */
export const MODULES = fileURLToPath(new URL('../../examples/django-sites/', import.meta.url))

export interface DjangoSitesOptions {
  /** Which of the sites is the Django. */
  readonly django: Name
  readonly suite: Suite | undefined
  /** A PostgreSQL's or MariaDB's URL, or a file of SQLite. */
  readonly database: string
  /** More settings of Django's. */
  readonly settings?: Readonly<Record<string, unknown>>
  /** Without the middleware and that for forms, to see what they are there for. */
  readonly withoutMiddleware?: boolean
}

/** A hub and two members over one database, told apart by the host: two of them in Node, one a Django. */
export interface DjangoSites extends AsyncDisposable {
  readonly django: Django
  readonly userId: number
  readonly events: SiteEvents['sso'][]
  site(name: Name): Site
  originOf(name: Name): string
  /** A new visitor, who is nobody. */
  browser(): Browser
  /** Logs somebody in at the hub, on the way to a member. */
  logIn(browser: Browser, member?: Name): Promise<Visited>
  /** The address by which the hub sends a logged-in browser back to a member, not opened yet. */
  ticketFor(browser: Browser, member: Name): Promise<URL>
  /** Who the visitor is on a site. */
  who(browser: Browser, name: Name): Promise<string>
  /** Submits the form that logs out everywhere. */
  logOut(browser: Browser, name: Name): Promise<ClientResponse>
}

type Handler = (request: IncomingMessage, response: ServerResponse) => void

export async function djangoSites(options: DjangoSitesOptions): Promise<DjangoSites> {
  const { suite, database } = options
  const handlers = new Map<string, Handler>()
  const served = await serve((incoming, response) => handlers.get(String(incoming.headers.host))?.(incoming, response))
  const { port } = new URL(served.origin)
  const originOf = (name: Name): string => `http://${name}.localhost:${port}`
  const names = {
    hub: `${originOf('hub')}/sso/`,
    members: { shop: `${originOf('shop')}/sso/`, news: `${originOf('news')}/sso/` },
  }
  const settings = settingsOf(options, names)
  const django = await startDjango({ suite, database, secretKey: SECRET, modules: MODULES, settings })
  handlers.set(new URL(originOf(options.django)).host, handOn(new URL(django.url).port))
  const { id: userId } = await django.createUser('ann', PASSWORD)
  const events: SiteEvents['sso'][] = []
  const sites = new Map<Name, Site>()
  for (const self of NAMES.filter((name) => name !== options.django)) {
    const sessions = sojourn({
      secretKey: SECRET,
      databases: { default: /^\w+:\/\//.test(database) ? database : `sqlite:${database}` },
      pbkdf2Iterations: 1000,
      sessionStoreTimeout: 10,
      loginUrl: self === 'hub' ? '/login' : '/sso/begin',
    })
    sessions.site.on('sso', (event) => events.push(event))
    handlers.set(
      new URL(originOf(self)).host,
      sessions.handle(pages(createSites({ site: sessions.site, self, ...names }))),
    )
    // The first visitor is not to wait for a connection, which a busy machine makes too slowly.
    await sessions.site.ready()
    sites.set(self, sessions.site)
  }
  const browsers: Browser[] = []
  const page = (name: Name, node: string, other: string): string =>
    originOf(name) + (name === options.django ? `/django/${other}` : `/${node}`)
  return {
    django,
    userId,
    events,
    originOf,
    site: (name) => sites.get(name) as Site,
    browser: () => {
      const browser = new Browser(served.origin)
      browsers.push(browser)
      return browser
    },
    async logIn(browser, member = 'shop') {
      const { url } = await browser.visit(`${originOf(member)}/sso/begin?next=/`)
      const { pathname, search } = new URL(url)
      const { headers } = await browser.at(url).post(pathname + search, { username: 'ann', password: PASSWORD })
      return browser.visit(new URL(String(headers.location), url).href)
    },
    async ticketFor(browser, member) {
      const begun = await browser.ask(`${originOf(member)}/sso/begin?next=/`)
      const granted = await browser.ask(String(begun.headers.location))
      return new URL(String(granted.headers.location))
    },
    async who(browser, name) {
      const { text } = await browser.ask(page(name, 'who', 'whoami'))
      return (JSON.parse(text) as { username: string } | null)?.username ?? 'nobody'
    },
    async logOut(browser, name) {
      await browser.ask(page(name, 'form', 'form'))
      return browser.at(originOf(name)).post('/sso/logout')
    },
    async [Symbol.asyncDispose]() {
      for (const browser of browsers) browser.close()
      await served.close()
      for (const site of sites.values()) await site.close()
      await django.stop()
    },
  }
}

/** As the guide says. */
function settingsOf(
  { django, withoutMiddleware, settings }: DjangoSitesOptions,
  names: object,
): object & Record<string, unknown> {
  const some = withoutMiddleware === true ? [] : SOME_MIDDLEWARE
  return {
    ROOT_URLCONF: 'djangosite.sites_urls',
    LOGIN_URL: django === 'hub' ? '/login' : '/sso/begin',
    LOGIN_REDIRECT_URL: '/',
    SOJOURN_SITES: { self: django, ...names },
    INSTALLED_APPS: [...APPS, 'sojourn_sso'],
    MIDDLEWARE: [SESSION_MIDDLEWARE, ...some, ...MIDDLEWARE],
    ...settings,
  }
}

const APPS = ['admin', 'auth', 'contenttypes', 'sessions', 'messages'].map((name) => `django.contrib.${name}`)
const SESSION_MIDDLEWARE = 'django.contrib.sessions.middleware.SessionMiddleware'
const SOME_MIDDLEWARE = ['sojourn_sso.middleware.EndedLoginMiddleware', 'django.middleware.csrf.CsrfViewMiddleware']
const MIDDLEWARE = [
  'django.contrib.auth.middleware.AuthenticationMiddleware',
  'django.contrib.messages.middleware.MessageMiddleware',
]

/** A site in Node: who is here, a form, and on the hub a login page. */
function pages(sites: Sites) {
  return async (incoming: IncomingMessage, response: ServerResponse): Promise<void> => {
    const answer = await sites.routes(incoming)
    if (answer !== null) return void response.writeHead(answer.status, answer.headers).end(answer.body)
    const { pathname, searchParams } = new URL(incoming.url ?? '/', 'http://localhost')
    if (pathname === '/form' || (pathname === '/login' && incoming.method === 'GET'))
      return void response.end(csrfInput(incoming))
    if (pathname === '/login') {
      const user = await authenticate(incoming, { username: 'ann', password: PASSWORD })
      if (user !== null) await login(incoming, user)
      return void response.writeHead(302, { Location: searchParams.get('next') ?? '/' }).end()
    }
    const user = await getUser(incoming)
    response.end(JSON.stringify(user === null ? null : { username: user.username }))
  }
}

/** To the Django, which sees the host that the visitor asked for. */
function handOn(port: string): Handler {
  return (incoming, response) => {
    const { url, method, headers } = incoming
    const forwarded = request({ host: '127.0.0.1', port, path: url, method, headers, agent: false }, (answer) => {
      response.writeHead(answer.statusCode as number, answer.headers)
      answer.pipe(response)
    })
    forwarded.on('error', () => response.destroy())
    incoming.pipe(forwarded)
  }
}
