import { createHash, randomBytes } from 'node:crypto'
import { demoUsers } from '../../../examples/identity-provider/users.js'
import { Browser, type Visited } from '../../oidc/world.js'
import { type Running, SHOP_SECRET } from './running.js'

export const [ada, ben] = demoUsers

type User = (typeof demoUsers)[number]
type Site = 'shop' | 'guestbook'

/** Somebody with a browser of their own, at the provider and its sites. */
export class Person implements Disposable {
  readonly browser = new Browser()
  readonly #world: Running

  constructor(world: Running) {
    this.#world = world
  }

  /** Who the pages of all three say is here: the provider, the shop, the Django site. */
  async known(): Promise<readonly string[]> {
    const { provider, shop, guestbook } = this.#world
    const names: string[] = []
    for (const origin of [provider, shop, guestbook]) names.push(await this.who(`${origin}/`))
    return names
  }

  async who(url: string): Promise<string> {
    const { text } = await this.browser.ask(url)
    return unescaped(/<b id="user">([^<]*)<\/b>/.exec(text)?.[1] ?? 'no such page')
  }

  /** Follows the link "Log in" of a site as far as it leads. */
  begin(site: Site, query = '?next=/'): Promise<Visited> {
    return this.browser.visit(`${this.#world[site]}/oidc/login${query}`)
  }

  /** Fills in the provider's login page, and follows where that leads. */
  async fill({ url }: Visited, { username, password }: User = ada): Promise<Visited> {
    return this.browser.visit(url, await this.browser.post(url, { username, password }))
  }

  /** Logs in at the shop and then at the Django site, where nothing is asked any more. */
  async logIn(user: User = ada): Promise<void> {
    await this.fill(await this.begin('shop'), user)
    await this.begin('guestbook')
  }

  /** Logs out at the provider. */
  async logOut(path = '/logout'): Promise<number> {
    const { provider } = this.#world
    await this.browser.ask(`${provider}/`)
    return (await this.browser.post(`${provider}${path}`)).status
  }

  /** Logs out on a site, up to the provider's question. */
  async logOutAt(site: Site): Promise<Visited> {
    const origin = this.#world[site]
    await this.browser.ask(`${origin}/`)
    const url = `${origin}/oidc/logout`
    return this.browser.visit(url, await this.browser.post(url))
  }

  /** Answers the provider's question. */
  async answer({ url, response }: Visited, more: Readonly<Record<string, string>>): Promise<Visited> {
    const [, action = ''] = /<form[^>]* action="([^"]+)"/.exec(response.text) ?? []
    const [, xsrf = ''] = /name="xsrf" value="([^"]+)"/.exec(response.text) ?? []
    const there = new URL(action, url).href
    return this.browser.visit(there, await this.browser.post(there, { xsrf, ...more }))
  }

  /** Asks the provider for a code, in the shop's name and with a verifier of one's own; where it leads back to. */
  async code(verifier: string): Promise<URL> {
    const { headers } = await this.browser.ask(this.#question(verifier))
    return new URL(String(headers.location), this.#world.provider)
  }

  /** Asks the same of the provider with a wish of the site's, and follows where that leads. */
  ask(wish: Readonly<Record<string, string>>): Promise<Visited> {
    return this.browser.visit(this.#question(randomBytes(32).toString('base64url'), wish))
  }

  #question(verifier: string, wish: Readonly<Record<string, string>> = {}): string {
    const { provider, shop } = this.#world
    const query = new URLSearchParams({
      client_id: 'shop',
      redirect_uri: `${shop}/oidc/callback`,
      response_type: 'code',
      scope: 'openid profile',
      state: 'a state of the tests',
      code_challenge: createHash('sha256').update(verifier).digest('base64url'),
      code_challenge_method: 'S256',
      ...wish,
    })
    return `${provider}/oidc/auth?${query}`
  }

  /** An access token of whoever is logged in, as the shop has it. */
  async accessToken(): Promise<string> {
    const verifier = randomBytes(32).toString('base64url')
    const code = (await this.code(verifier)).searchParams.get('code') ?? 'none'
    const answer = await redeem(this.#world, code, verifier)
    return (JSON.parse(answer.text) as { access_token: string }).access_token
  }

  [Symbol.dispose](): void {
    this.browser[Symbol.dispose]()
  }
}

interface Answer {
  readonly status: number
  readonly text: string
}

/** Gives a code for tokens, as the shop's server does. */
export async function redeem({ provider, shop }: Running, code: string, verifier: string): Promise<Answer> {
  const answer = await fetch(`${provider}/oidc/token`, {
    method: 'POST',
    body: new URLSearchParams({
      grant_type: 'authorization_code',
      client_id: 'shop',
      client_secret: SHOP_SECRET,
      redirect_uri: `${shop}/oidc/callback`,
      code,
      code_verifier: verifier,
    }),
  })
  return { status: answer.status, text: await answer.text() }
}

/** What the provider says to whoever brings a token. */
export async function userinfo({ provider }: Running, token: string): Promise<Answer> {
  const answer = await fetch(`${provider}/oidc/me`, { headers: { Authorization: `Bearer ${token}` } })
  return { status: answer.status, text: await answer.text() }
}

function unescaped(text: string): string {
  return text.replace(/&#(\d+);/g, (_, number) => String.fromCharCode(Number(number)))
}
