import { mkdtempSync, rmSync } from 'node:fs'
import type { IncomingHttpHeaders, IncomingMessage, ServerResponse } from 'node:http'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import * as openid from 'openid-client'
import type { BrowserContext, Page } from 'playwright-core'
import type { SettingsInput } from 'sojourn'
import { getUser, userBackend } from 'sojourn/auth'
import { csrfInput } from 'sojourn/node'
import { vi } from 'vitest'
import { launchProfile } from '../support/chromium.js'
import { fetchHere } from '../support/fetch-here.js'
import { serveSecurely } from '../support/serve-securely.js'
import { CLIENT_SECRET } from './scripted-provider.js'
import { type Options, type Shop, type World, world } from './world.js'

/** Both that browsers do with cookies of sites in frames of other sites. */
export const COOKIES = [
  ['blocked', false],
  ['allowed', true],
] as const

/** The hosts, each of a domain of its own but for the shop's sibling. */
export const PROVIDER = 'id.op.test'
export const RIVAL = 'id.rival.test'
const HOSTS = { shop: 'shop.alpha.test', news: 'news.beta.test' }
const SIBLING = 'evil.alpha.test'
const STRANGER = 'evil.gamma.test'

/** So long may a browser take on a machine that is busy. */
export const PATIENCE = { timeout: 10_000 }

/** A request that a site was asked, and how it has been answered, or 0. */
export interface Seen {
  readonly url: string
  readonly headers: IncomingHttpHeaders
  readonly status: number
}

/** Two sites on domains of their own which one provider logs visitors in to, over one store; and others, who serve an empty page. */
export interface BrowserWorld extends AsyncDisposable {
  readonly there: World
  readonly shop: Shop
  readonly news: Shop
  /** Where a sibling of the shop's is, and where a site is that nobody has to do with. */
  readonly sibling: string
  readonly stranger: string
  /** What a site was asked at this path, in order. */
  seen(site: Shop, path: string): readonly Seen[]
  /** The next of them after `run` has begun, once it has its answer. */
  answered(site: Shop, path: string, run: () => Promise<unknown>, patience?: { timeout: number }): Promise<Seen>
  /** Lets requests for this path and query wait, before they are looked at, until the function that it gives is called. */
  hold(path: string): () => void
}

export interface BrowserWorldOptions {
  readonly issuer: string
  readonly settings?: SettingsInput
  readonly second?: (origin: string) => Options
  /** Told the origins of both sites before the provider is asked anything. */
  readonly begin?: (origins: Readonly<Record<string, string>>) => Promise<void>
}

export async function browserWorld({ issuer, settings, second, begin }: BrowserWorldOptions): Promise<BrowserWorld> {
  const folder = mkdtempSync(join(tmpdir(), 'sojourn-oidc-'))
  const elsewhere = await serveSecurely((_, response) => html(response, '<p>Somebody else’s page.</p>'))
  const { port } = new URL(elsewhere.origin)
  const all: Seen[] = []
  const held = new Map<string, Promise<void>>()
  let begun: Promise<void> | undefined
  const there: World = await world({
    issuer,
    names: Object.keys(HOSTS),
    hosts: HOSTS,
    settings: { databases: { default: `sqlite:${join(folder, 'db.sqlite3')}` }, ...settings },
    second,
    more: page,
    before(request, response) {
      all.push(seenOf(request, response))
      return held.get(String(request.url))
    },
    async options(name, origin) {
      begun ??= begin?.(originsAt(new URL(origin).port))
      await begun
      return {
        config: await discovered(issuer, name),
        mapUser: ({ sub }) => userBackend(there.on(name).site).getOrCreate(sub),
      }
    },
  })
  const seen: BrowserWorld['seen'] = ({ origin }, path) =>
    all.filter(({ url }) => url.split('?', 1)[0] === origin + path)
  return {
    there,
    shop: there.on('shop'),
    news: there.on('news'),
    sibling: `https://${SIBLING}:${port}`,
    stranger: `https://${STRANGER}:${port}`,
    seen,
    async answered(site, path, run, patience = PATIENCE) {
      const before = seen(site, path).length
      await run()
      return vi.waitFor(() => {
        const next = seen(site, path)[before]
        if (next === undefined || next.status === 0) throw new Error(`${path} was not asked for.`)
        return next
      }, patience)
    },
    hold(path) {
      let release = (): void => undefined
      held.set(path, new Promise((resolve) => (release = resolve)))
      return () => {
        held.delete(path)
        release()
      }
    },
    async [Symbol.asyncDispose]() {
      await elsewhere.close()
      await there[Symbol.asyncDispose]()
      rmSync(folder, { recursive: true })
    },
  }
}

/** What a provider says of itself, asked by a way on which its name is this machine. */
export function discovered(issuer: string, clientId: string): Promise<openid.Configuration> {
  const options = { [openid.customFetch]: fetchHere }
  return openid.discovery(new URL(issuer), clientId, CLIENT_SECRET, undefined, options)
}

function originsAt(port: string): Readonly<Record<string, string>> {
  return Object.fromEntries(Object.entries(HOSTS).map(([name, host]) => [name, `https://${host}:${port}`]))
}

function seenOf({ url, headers }: IncomingMessage, response: ServerResponse): Seen {
  return {
    url: `https://${headers.host}${url}`,
    headers,
    get status() {
      return response.headersSent ? response.statusCode : 0
    },
  }
}

/** Who is here, and what they may do. */
async function page(request: IncomingMessage, response: ServerResponse): Promise<boolean> {
  if (!/^\/page\b/.test(String(request.url))) return false
  const user = await getUser(request)
  html(
    response,
    `<p id="who">${user?.username ?? 'nobody'}</p><a id="login" href="/oidc/login?next=/page">Log in</a>` +
      `<form method="post" action="/oidc/logout">${csrfInput(request)}<button id="logout">Log out</button></form>`,
  )
  return true
}

function html(response: ServerResponse, body: string): void {
  response.setHeader('Content-Type', 'text/html; charset=utf-8')
  response.end(`<!doctype html><title>A page</title>${body}`)
}

type Place = Pick<Shop, 'origin'>

/** Somebody at a Chromium of their own. */
export class Visitor implements AsyncDisposable {
  readonly context: BrowserContext
  readonly page: Page
  readonly #folder: string

  static async start(thirdPartyCookies: boolean): Promise<Visitor> {
    const folder = mkdtempSync(join(tmpdir(), 'sojourn-visitor-'))
    const launched = await launchProfile(folder, thirdPartyCookies)
    if ('missing' in launched) throw new Error(launched.missing)
    return new Visitor(folder, launched.context, await launched.context.newPage())
  }

  private constructor(folder: string, context: BrowserContext, page: Page) {
    this.#folder = folder
    this.context = context
    this.page = page
  }

  /** Opens a page; the status of its answer. */
  async open(url: string): Promise<number> {
    return (await this.page.goto(url))?.status() ?? 0
  }

  /** Opens what an attacker has written, as if their page at this address were that. */
  async openOwn(url: string, body: string): Promise<void> {
    await this.page.goto(url)
    await this.page.setContent(`<!doctype html>${body}`)
  }

  /** Puts something into the page that is open, as a script of it would. */
  async append(html: string): Promise<void> {
    const made = `document.createRange().createContextualFragment(${JSON.stringify(html)})`
    await this.page.evaluate(`document.body.append(${made})`)
  }

  /** Who a site takes them for. */
  async who({ origin }: Place, page = this.page): Promise<string> {
    await page.goto(`${origin}/page`)
    return page.locator('#who').innerText()
  }

  logIn({ origin }: Place): Promise<number> {
    return this.open(`${origin}/oidc/login?next=/page`)
  }

  /** What the browser would send to this site by that name, as many as there are. */
  async cookies({ origin }: Place, name: string | RegExp): Promise<readonly string[]> {
    const all = await this.context.cookies(origin)
    return all
      .filter((each) => (typeof name === 'string' ? each.name === name : name.test(each.name)))
      .map(({ value }) => value)
  }

  /** The addresses that a tab leads to while `run` lasts. */
  async hops(run: () => Promise<unknown>, page = this.page): Promise<readonly string[]> {
    const all: string[] = []
    const note = (request: { url(): string; isNavigationRequest(): boolean }): void => {
      if (request.isNavigationRequest()) all.push(request.url())
    }
    page.on('request', note)
    await run()
    page.off('request', note)
    return all
  }

  /** Where a frame of a page leads; the browser has an address of its own for what it does not show. */
  async framed(from: string, of: string): Promise<string> {
    await this.openOwn(from, `<iframe src="${of.replaceAll('&', '&amp;')}"></iframe>`)
    const url = (): string => this.page.frames()[1]?.url() ?? ''
    // The page may have loaded before its frame says what is in it.
    await vi.waitFor(() => {
      if (url() === '' || url() === 'about:blank') throw new Error('The frame is still on its way.')
    }, PATIENCE)
    return url()
  }

  /** Writes a cookie as a script of this page does. */
  async plant(from: string, cookie: string): Promise<void> {
    await this.page.goto(from)
    await this.page.evaluate(`document.cookie = ${JSON.stringify(cookie)}`)
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.context.close()
    rmSync(this.#folder, { recursive: true, force: true })
  }
}

/** What Chromium shows in place of a page that may not be framed. */
export const NOT_SHOWN = 'chrome-error://chromewebdata/'
