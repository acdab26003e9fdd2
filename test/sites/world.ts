import type { IncomingMessage, ServerResponse } from 'node:http'
import { authenticate, getUser, login, requireRecentAuth, userBackend } from 'sojourn/auth'
import { csrfInput, sojourn } from 'sojourn/node'
import { createSites, type NativeMember, type Sites } from 'sojourn/sites'
import { Client, type ClientResponse, serve } from 'sojourn/testing'
import type { ModelUser } from '../../src/auth/model-user.js'
import type { SettingsInput } from '../../src/core/settings.js'
import type { Site } from '../../src/core/site.js'
import type { SiteEvents } from '../../src/core/types.js'
import { serveSecurely } from '../support/serve-securely.js'
import { SECRET } from '../support/sites.js'

export type Name = 'hub' | 'shop' | 'news'

const NAMES: readonly Name[] = ['hub', 'shop', 'news']
export const PASSWORD = 'a long password'

export interface Member {
  readonly site: Site
  readonly sites: Sites
  readonly origin: string
  readonly events: SiteEvents['sso'][]
}

/** A hub and two members on one server, told apart by the host, as their browsers see them. */
export interface World extends AsyncDisposable {
  readonly port: number
  readonly user: ModelUser
  on(name: Name): Member
  browser(): Browser
  originOf(name: Name): string
}

export interface WorldOptions {
  /** The settings of each site; those of all share a store. */
  readonly settings?: SettingsInput
  /** What some sites have otherwise. */
  readonly own?: Partial<Readonly<Record<Name, SettingsInput>>>
  readonly mode?: 'linked' | 'shared'
  readonly native?: NativeMember
  /** The hosts of the sites, without a port, and by HTTPS; `<name>.localhost` by HTTP unless given. */
  readonly hosts?: Readonly<Record<Name, string>>
}

export async function world({ settings = {}, own = {}, mode, native, hosts }: WorldOptions = {}): Promise<World> {
  const handlers = new Map<string, Listener>()
  const served = await (hosts === undefined ? serve : serveSecurely)((request, response) => {
    const handler = handlers.get(String(request.headers.host))
    if (handler === undefined) response.writeHead(421).end()
    else handler(request, response)
  })
  const port = Number(new URL(served.origin).port)
  const originOf = (name: Name): string =>
    hosts === undefined ? `http://${name}.localhost:${port}` : `https://${hosts[name]}:${port}`
  const members = new Map<Name, Member>()
  for (const name of NAMES) {
    const sessions = sojourn({
      secretKey: SECRET,
      pbkdf2Iterations: 10,
      loginUrl: name === 'hub' ? '/login' : '/sso/begin',
      ...settings,
      ...own[name],
    })
    const { site } = sessions
    const sites = createSites({
      site,
      self: name,
      hub: `${originOf('hub')}/sso/`,
      members: {
        shop: `${originOf('shop')}/sso/`,
        news: `${originOf('news')}/sso/`,
        ...(native === undefined ? {} : { app: native }),
      },
      mode,
    })
    const events: SiteEvents['sso'][] = []
    site.on('sso', (event) => events.push(event))
    handlers.set(new URL(originOf(name)).host, sessions.handle(pages(sites, site)))
    members.set(name, { site, sites, origin: originOf(name), events })
  }
  const hub = (members.get('hub') as Member).site
  await hub.migrate()
  const user = await userBackend(hub).createUser('ann', PASSWORD)
  return {
    port,
    user,
    on: (name) => members.get(name) as Member,
    originOf,
    browser: () => new Browser(`http://127.0.0.1:${port}`),
    async [Symbol.asyncDispose]() {
      await served.close()
      for (const { site } of members.values()) await site.close()
    },
  }
}

type Listener = (request: IncomingMessage, response: ServerResponse) => void

/** Who is here; the cart, which anybody may fill; and on the hub a login page. */
function pages(sites: Sites, site: Site) {
  return async (request: IncomingMessage, response: ServerResponse): Promise<void> => {
    const send = (body: string): void => void response.end(body)
    const answer = await sites.routes(request)
    if (answer !== null) return void response.writeHead(answer.status, answer.headers).end(answer.body)
    const url = new URL(request.url ?? '/', 'http://localhost')
    if (url.pathname === '/silent' || url.searchParams.has('silent')) {
      const hop = await sites.silent(request)
      if (hop !== null) return void response.writeHead(hop.status, hop.headers).end(hop.body)
    }
    if (url.pathname === '/login') {
      response.setHeader('Content-Type', 'text/html')
      if (request.method === 'GET')
        return send(`<form method="post">${csrfInput(request)}<button>Log in</button></form>`)
      const user = await authenticate(request, { username: url.searchParams.get('as') ?? 'ann', password: PASSWORD })
      if (user !== null) await login(request, user)
      return void response.writeHead(302, { Location: url.searchParams.get('next') ?? '/' }).end()
    }
    if (url.pathname.startsWith('/third-party/') || url.pathname === '/framing') return framing(request, response, url)
    if (url.pathname === '/token') return send(csrfInput(request))
    if (url.pathname === '/end-others') {
      return send(String(await site.sessions.revokeUser((await getUser(request))?.id ?? '', { except: request })))
    }
    if (url.pathname === '/look') return send(String(request.session.get('theme', 'none')))
    if (url.pathname === '/recent') {
      const refused = await requireRecentAuth(300)(request)
      if (refused !== null) return void response.writeHead(refused.status, refused.headers).end(refused.body)
      return send('proved')
    }
    if (url.pathname === '/write') {
      request.session.set('theme', 'dark')
      return send('written')
    }
    if (url.pathname === '/cycle') await request.session.cycleKey()
    if (url.pathname === '/cart') request.session.set('cart', ['apple'])
    const user = await getUser(request)
    if (url.pathname === '/page') {
      response.setHeader('Content-Type', 'text/html')
      return send(
        `<p id="who">${user?.username ?? 'nobody'}</p><a id="login" href="/sso/begin?next=/page">Log in</a><form method="post" action="/sso/logout">${csrfInput(request)}<button id="logout">Log out</button></form>`,
      )
    }
    send(`${user?.username ?? 'nobody'} ${JSON.stringify(request.session.get('cart', null))}`)
  }
}

/** Pages that show whether frames of other sites have their cookies, and what may be framed. */
function framing(request: IncomingMessage, response: ServerResponse, url: URL): void {
  response.setHeader('Content-Type', 'text/html')
  const news = url.origin.replace('localhost', String(request.headers.host).replace(/^[^:]*/, 'news.beta.test'))
  if (url.pathname === '/third-party/set') {
    response.setHeader('Set-Cookie', 'third=party; Path=/; Secure; SameSite=None')
    response.end('set')
  } else if (url.pathname === '/third-party/frame') {
    response.end(`<iframe src="${news.replace('http:', 'https:')}/third-party/cookie"></iframe>`)
  } else if (url.pathname === '/third-party/cookie') {
    response.end(/third=party/.exec(request.headers.cookie ?? '')?.[0] ?? 'none')
  } else {
    response.end(`<iframe src="${url.searchParams.get('of')}"></iframe>`)
  }
}

/** A page that a browser came to, and by what addresses. */
export interface Visited {
  readonly url: string
  readonly response: ClientResponse
  readonly hops: readonly string[]
}

/** A browser that visits several hosts, each with its own cookies, and follows redirects. */
export class Browser {
  readonly #origin: string
  readonly #clients = new Map<string, Client>()

  constructor(origin: string) {
    this.#origin = origin
  }

  /** Its part for one host. */
  at(url: string): Client {
    const { host } = new URL(url)
    const client = this.#clients.get(host) ?? new Client(this.#origin, { headers: { host } })
    this.#clients.set(host, client)
    return client
  }

  /** Asks for one page and follows nothing. */
  ask(url: string, headers: Readonly<Record<string, string>> = {}): Promise<ClientResponse> {
    const { pathname, search } = new URL(url)
    return this.at(url).get(pathname + search, { headers })
  }

  async visit(start: string, headers: Readonly<Record<string, string>> = {}): Promise<Visited> {
    const hops: string[] = []
    for (let url = start; hops.length < 20; ) {
      hops.push(url)
      const response = await this.ask(url, headers)
      const { location } = response.headers
      if (location === undefined) return { url, response, hops }
      url = new URL(location, url).href
    }
    throw new Error(`Twenty redirects: ${hops.join(' ')}`)
  }

  /** Logs in on the page where a visit ended, and goes on from there. */
  async login({ url }: Visited): Promise<Visited> {
    const { pathname, search } = new URL(url)
    const { headers } = await this.at(url).post(pathname + search)
    return this.visit(new URL(String(headers.location), url).href)
  }

  close(): void {
    for (const client of this.#clients.values()) client.close()
  }
}
