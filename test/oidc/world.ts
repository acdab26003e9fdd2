import type { IncomingMessage, Server, ServerResponse } from 'node:http'
import { getUser, requireRecentAuth, userBackend } from 'sojourn/auth'
import { csrfInput, sojourn } from 'sojourn/node'
import { createRelyingParty, type RelyingParty, type RelyingPartyOptions } from 'sojourn/oidc'
import { Client, type ClientResponse, serve } from 'sojourn/testing'
import type { ModelUser } from '../../src/auth/model-user.js'
import type { SettingsInput } from '../../src/core/settings.js'
import type { Site } from '../../src/core/site.js'
import type { MaybePromise, SiteEvents } from '../../src/core/types.js'
import { serveSecurely } from '../support/serve-securely.js'
import { SECRET } from '../support/sites.js'
import { CLIENT_SECRET } from './scripted-provider.js'

export type Options = Partial<RelyingPartyOptions>

export interface Shop {
  readonly name: string
  readonly origin: string
  readonly site: Site
  readonly party: RelyingParty
  readonly events: SiteEvents['oidc'][]
  /** How often a login got as far as asking whose it is. */
  readonly claims: Readonly<Record<string, unknown>>[]
}

export interface World extends AsyncDisposable {
  readonly server: Server
  readonly user: ModelUser
  on(name: string): Shop
}

export interface WorldOptions {
  readonly issuer: string
  readonly settings?: SettingsInput
  /** The relying parties, each a site on a host of its own. */
  readonly names?: readonly string[]
  readonly options?: (name: string, origin: string) => Options | Promise<Options>
  /** What a relying party of another provider's has otherwise, on the same sites. */
  readonly second?: (origin: string) => Options
  /** The hosts of the relying parties, without a port, and by HTTPS; `<name>.localhost` by HTTP unless given. */
  readonly hosts?: Readonly<Record<string, string>>
  /** What has to happen before a request is looked at. */
  readonly before?: (request: IncomingMessage, response: ServerResponse) => MaybePromise<void>
  /** Pages besides the usual ones; false for what is none of them. */
  readonly more?: Page
}

export type Page = (request: IncomingMessage, response: ServerResponse) => MaybePromise<boolean>

/** Sites that let a provider log their visitors in, on one server and over one store, told apart by the host. */
export async function world({
  issuer,
  settings = {},
  names = ['shop'],
  options,
  second,
  hosts,
  before,
  more,
}: WorldOptions): Promise<World> {
  const handlers = new Map<string, (request: IncomingMessage, response: ServerResponse) => void>()
  const served = await (hosts === undefined ? serve : serveSecurely)(async (request, response) => {
    await before?.(request, response)
    const handler = handlers.get(String(request.headers.host))
    if (handler === undefined) response.writeHead(421).end()
    else handler(request, response)
  })
  const { port } = new URL(served.origin)
  const shops = new Map<string, Shop>()
  let user: ModelUser | null = null
  for (const name of names) {
    const origin = hosts === undefined ? `http://${name}.localhost:${port}` : `https://${hosts[name]}:${port}`
    const sessions = sojourn({ secretKey: SECRET, pbkdf2Iterations: 10, loginUrl: '/oidc/login', ...settings })
    const { site } = sessions
    await site.migrate()
    user ??= await userBackend(site).createUser('ann', 'a long password')
    const { id } = user
    const claims: Readonly<Record<string, unknown>>[] = []
    const usual: RelyingPartyOptions = {
      site,
      config: { issuer, clientId: name, clientSecret: CLIENT_SECRET },
      redirectUri: `${origin}/oidc/callback`,
      postLogoutUri: `${origin}/oidc/logged-out`,
      mapUser(said) {
        claims.push(said)
        return said.sub === 'ann' ? userBackend(site).getUser(String(id)) : null
      },
      ...(await options?.(name, origin)),
    }
    const party = createRelyingParty(usual)
    const others = second === undefined ? [] : [createRelyingParty({ ...usual, ...second(origin) })]
    const events: SiteEvents['oidc'][] = []
    site.on('oidc', (event) => events.push(event))
    site.on('request_failed', () => undefined)
    handlers.set(new URL(origin).host, sessions.handle(pages(party, others, more)))
    shops.set(name, { name, origin, site, party, events, claims })
  }
  return {
    server: served.server,
    user: user as ModelUser,
    on: (name) => shops.get(name) as Shop,
    async [Symbol.asyncDispose]() {
      await served.close()
      for (const { site } of shops.values()) await site.close()
    },
  }
}

/** Who is here and what is in their cart; and what a page needs to fill it, to log out, and to ask others. */
export function pages(party: RelyingParty, others: readonly RelyingParty[] = [], more: Page = () => false) {
  return async (request: IncomingMessage, response: ServerResponse): Promise<void> => {
    for (const { routes } of [party, ...others]) {
      const answer = await routes(request)
      if (answer !== null) return void response.writeHead(answer.status, answer.headers).end(answer.body)
    }
    if (await more(request, response)) return
    const { pathname } = new URL(request.url ?? '/', 'http://localhost')
    if (pathname === '/token') return void response.end(csrfInput(request))
    if (pathname === '/recent') {
      const refused = await requireRecentAuth(300)(request)
      if (refused !== null) return void response.writeHead(refused.status, refused.headers).end(refused.body)
      return void response.end('proved')
    }
    if (pathname === '/access') return void response.end(String(await party.accessToken(request)))
    if (pathname === '/cart') request.session.set('cart', ['apple'])
    const user = await getUser(request)
    response.end(`${user?.username ?? 'nobody'} ${JSON.stringify(request.session.get('cart', null))}`)
  }
}

/** A page that a browser came to, and by what addresses. */
export interface Visited {
  readonly url: string
  readonly response: ClientResponse
  readonly hops: readonly string[]
}

/** A browser that visits several servers of this machine, each host with its own cookies. */
export class Browser implements Disposable {
  readonly #clients = new Map<string, Client>()

  /** Its part for one host. */
  at(url: string): Client {
    const { host, port } = new URL(url)
    const client = this.#clients.get(host) ?? new Client(`http://127.0.0.1:${port}`, { headers: { host } })
    this.#clients.set(host, client)
    return client
  }

  /** Asks for one page and follows nothing. */
  ask(url: string, headers: Readonly<Record<string, string>> = {}): Promise<ClientResponse> {
    const { pathname, search } = new URL(url)
    return this.at(url).get(pathname + search, { headers })
  }

  post(url: string, fields: Readonly<Record<string, string>> = {}): Promise<ClientResponse> {
    const { pathname, search } = new URL(url)
    return this.at(url).post(pathname + search, fields)
  }

  /** Follows redirects from a page, or from an answer that it has got already. */
  async visit(start: string, first?: ClientResponse): Promise<Visited> {
    const hops: string[] = []
    let answer = first
    for (let url = start; hops.length < 20; answer = undefined) {
      hops.push(url)
      const response = answer ?? (await this.ask(url))
      const { location } = response.headers
      if (location === undefined) return { url, response, hops }
      url = new URL(location, url).href
    }
    throw new Error(`Twenty redirects: ${hops.join(' ')}`)
  }

  /** Goes as far as the address by which the provider sends it back, and does not open that. */
  async callbackOf({ origin }: Pick<Shop, 'origin'>, query = '?next=/'): Promise<string> {
    const begun = await this.ask(`${origin}/oidc/login${query}`)
    const granted = await this.ask(String(begun.headers.location))
    return String(granted.headers.location)
  }

  /** Logs in, on whatever page asks for nothing. */
  logIn({ origin }: Pick<Shop, 'origin'>, query = '?next=/'): Promise<Visited> {
    return this.visit(`${origin}/oidc/login${query}`)
  }

  /** Submits the form that logs out. */
  async logOut({ origin }: Pick<Shop, 'origin'>): Promise<Visited> {
    await this.ask(`${origin}/token`)
    return this.visit(`${origin}/oidc/logout`, await this.post(`${origin}/oidc/logout`))
  }

  async who({ origin }: Pick<Shop, 'origin'>): Promise<string> {
    return ((await this.ask(`${origin}/`)).text.split(' ')[0] ?? '') as string
  }

  [Symbol.dispose](): void {
    for (const client of this.#clients.values()) client.close()
  }
}

/** What a provider does to end sessions, without a browser. */
export async function backchannel(
  { origin }: Pick<Shop, 'origin'>,
  token: string,
  base = '/oidc',
): Promise<ClientResponse> {
  const { host, port } = new URL(origin)
  const client = new Client(`http://127.0.0.1:${port}`, { headers: { host } })
  try {
    return await client.request('POST', `${base}/backchannel`, {
      headers: { 'Content-Type': 'application/x-www-form-urlencoded' },
      body: new URLSearchParams({ logout_token: token }).toString(),
    })
  } finally {
    client.close()
  }
}
