import type { Server } from 'node:http'
import type { Page } from 'playwright-core'
import { getUser } from 'sojourn/auth'
import { checkUpgrade, refuseUpgrade, watch } from 'sojourn/ws'
import { afterAll, beforeAll, beforeEach, describe, expect, test, vi } from 'vitest'
import { WebSocketServer } from 'ws'
import { type BrowserWorld, browserWorld, COOKIES, PATIENCE, PROVIDER, Visitor } from '../oidc/browser-world.js'
import { ScriptedProvider } from '../oidc/scripted-provider.js'
import type { Shop } from '../oidc/world.js'
import { fetchHere } from '../support/fetch-here.js'

// A browser beside other tests may take its time.
vi.setConfig({ testTimeout: 120_000 })

/** A handshake that the site was asked for: which cookies came with it, and why it was refused. */
interface Handshake {
  readonly cookie: string | undefined
  readonly refusal: string | undefined
}

/** Greets whoever may open a socket, and closes it when their session is over. */
function chat(
  server: Server,
  { site, origin }: Shop,
): { readonly asked: Handshake[]; readonly sockets: WebSocketServer } {
  const asked: Handshake[] = []
  const sockets = new WebSocketServer({ noServer: true })
  server.on('upgrade', async (request, socket, head) => {
    const refused = await checkUpgrade(request, { site, origins: [origin] })
    asked.push({ cookie: request.headers.cookie, refusal: refused?.body })
    if (refused !== null) return refuseUpgrade(socket, refused)
    const user = await getUser(request)
    sockets.handleUpgrade(request, socket, head, (ws) => {
      watch(request, () => ws.close(4401), { every: 0.05, until: ws })
      ws.send(String(user?.username))
    })
  })
  return { asked, sockets }
}

/** What a page hears first from a socket that it opens, or the code by which it was closed. */
function hear(page: Page, { origin }: Shop): Promise<string> {
  return page.evaluate(`new Promise((resolve) => {
    const socket = new WebSocket('${origin.replace('https:', 'wss:')}')
    socket.onmessage = ({ data }) => resolve(data)
    socket.onclose = ({ code }) => resolve((document.title = 'closed ' + code))
  })`)
}

const FOREIGN = 'Pages of this origin may open no socket here.'

/** Lax is what sites have unless told otherwise; with None nothing but the Origin is between another site's page and the visitor's session. */
const WORLDS = COOKIES.flatMap(([name, isAllowed]) =>
  (['Lax', 'None'] as const).map((sameSite) => [name, sameSite, isAllowed] as const),
)

describe.each(WORLDS)(
  'in Chromium with third-party cookies %s and a session cookie that is %s',
  (_, sessionCookieSamesite, isAllowed) => {
    let provider: ScriptedProvider
    let world: BrowserWorld
    let shop: Shop
    let ann: Visitor
    let served: ReturnType<typeof chat>

    beforeAll(async () => {
      provider = await ScriptedProvider.start(PROVIDER)
      world = await browserWorld({ issuer: provider.issuer, settings: { sessionCookieSamesite } })
      ;({ shop } = world)
      served = chat(world.there.server, shop)
      ann = await Visitor.start(isAllowed)
    }, 600_000)
    afterAll(async () => {
      served?.sockets.close()
      for (const each of [ann, world, provider]) await each?.[Symbol.asyncDispose]()
    })
    beforeEach(async () => {
      await ann.context.clearCookies()
      // One that was ended by its name is not begun anew.
      provider.sid = `session-${crypto.randomUUID()}`
      await ann.logIn(shop)
      expect(await ann.who(shop)).toBe('ann')
    })

    test('a page of the site opens a socket as its visitor', async () => {
      expect(await hear(ann.page, shop)).toBe('ann')
    })

    test('a page of another site opens none, whether the cookie comes with it or not', async () => {
      await ann.page.goto(`${world.stranger}/`)
      expect(await hear(ann.page, shop)).toBe('closed 1006')
      const { cookie, refusal } = served.asked.at(-1) ?? {}
      expect(refusal).toBe(FOREIGN)
      expect(/sessionid=/.test(cookie ?? '')).toBe(isAllowed && sessionCookieSamesite === 'None')
    })

    test('a page of a sibling host opens none, though the cookie comes with it', async () => {
      await ann.page.goto(`${world.sibling}/`)
      expect(await hear(ann.page, shop)).toBe('closed 1006')
      expect(served.asked.at(-1)).toEqual({ cookie: expect.stringContaining('sessionid='), refusal: FOREIGN })
    })

    test('a socket is closed when the visitor logs out in another tab', async () => {
      expect(await hear(ann.page, shop)).toBe('ann')
      const other = await ann.context.newPage()
      await ann.who(shop, other)
      await other.click('#logout')
      await expect.poll(() => ann.page.title(), PATIENCE).toBe('closed 4401')
      await other.close()
    })

    test('a socket is closed when the provider says that the session is over', async () => {
      expect(await hear(ann.page, shop)).toBe('ann')
      const body = new URLSearchParams({ logout_token: await provider.logoutToken('shop') })
      expect((await fetchHere(`${shop.origin}/oidc/backchannel`, { method: 'POST', body })).status).toBe(200)
      await expect.poll(() => ann.page.title(), PATIENCE).toBe('closed 4401')
      expect(await hear(ann.page, shop)).toBe('closed 1006')
    })
  },
)
