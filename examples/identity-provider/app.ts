import express, { type Express, type Request, type Response, Router } from 'express'
import type Provider from 'oidc-provider'
import { errors } from 'oidc-provider'
import type { Site } from 'sojourn'
import { authenticate, getUser, safeNext, sojourn } from 'sojourn/express'
import { begin, known, type Login } from './login.js'
import { endLogin, leave } from './logout.js'
import { type Html, html, page, pageHeaders, token } from './page.js'
import type { Records } from './records.js'
import type { RelyingSite } from './sites.js'

export interface AppOptions {
  readonly site: Site
  readonly provider: Provider
  readonly records: Records
  readonly sites: readonly RelyingSite[]
}

/** An app with users and a login page of its own, which lets other sites log in by it. */
export function createApp({ site, provider, records, sites }: AppOptions): Express {
  const app = express()
  app.disable('x-powered-by')
  // The provider below asks who is logged in, so sessions come before it. What it is sent it reads itself, so forms come after it.
  app.use(sojourn(site))
  app.use('/oidc', provider.callback())
  app.use(express.urlencoded({ extended: false }))
  const headers = pageHeaders(sites.map(({ origin }) => origin))
  app.use((_req, res, next) => {
    res.set(headers)
    next()
  })
  app.use(account(site, provider, records, sites), interaction(provider))
  return app
}

/** Home, login and logout. */
function account(site: Site, provider: Provider, records: Records, sites: readonly RelyingSite[]): Router {
  const router = Router()

  router.get('/', async (req, res) => {
    const user = await getUser(req)
    const links = sites.map(({ id, origin }) => html`<li><a href="${origin}/">${id}</a></li>`)
    const way = user === null ? html`<p><a href="/login">Log in</a></p>` : logoutForms(req)
    res.send(
      page(
        'An identity provider',
        html`<p>You are <b id="user">${user?.username ?? 'nobody'}</b>.</p>${way}<ul>${links}</ul>`,
      ),
    )
  })

  router.get('/login', (req, res) => sendLogin(req, res))

  router.post('/login', async (req, res) => {
    const { username, password } = req.body as Readonly<Record<string, unknown>>
    const user = await authenticate(req, { username, password })
    if (user === null) return sendLogin(req, res, 'Wrong name or password.')
    const before = await known(req)
    // Of somebody else in this browser nothing is left behind.
    if (before !== null && before.account !== String(user.id)) await leave(req, provider, records)
    const next = safeNext(req, req.query['next'], '/')
    await begin(req, user, next, records)
    res.redirect(303, next)
  })

  router.post('/logout', async (req, res) => {
    await leave(req, provider, records)
    res.redirect(303, '/')
  })

  // After a stolen laptop.
  router.post('/logout/everywhere', async (req, res) => {
    const user = await getUser(req)
    if (user !== null) {
      for (const login of records.loginsOf(String(user.id))) await endLogin(login, provider, records)
      await site.sessions.revokeUser(user.id)
    }
    res.redirect(303, '/')
  })

  return router
}

/** Where the provider sends the browser when it wants to know who is there. */
function interaction(provider: Provider): Router {
  const router = Router()

  router.get('/interaction/:uid', async (req, res) => {
    const asked = await provider.interactionDetails(req, res).catch(noneIfOver)
    if (asked === null) {
      return res
        .status(400)
        .send(page('This login is over', html`<p>Please begin once more, on the site that you came from.</p>`))
    }
    // Own sites are not asked for consent, so whatever is missing then is not to be had.
    if (asked.prompt.name !== 'login') return provider.interactionFinished(req, res, { error: 'access_denied' })
    const login = await known(req)
    if (login === null || !isEnough(login, asked, req.path)) {
      return res.redirect(303, `/login?next=${encodeURIComponent(req.path)}`)
    }
    const { account: accountId, at: ts } = login
    // Not to be remembered: the provider's cookie ends with the browser.
    return provider.interactionFinished(req, res, { login: { accountId, ts, amr: ['pwd'], remember: false } })
  })

  return router
}

/** What was asked too long ago, in another browser, or of somebody who is logged out by now. */
function noneIfOver(error: unknown): null {
  if (error instanceof errors.SessionNotFound) return null
  throw error
}

type Asked = Awaited<ReturnType<Provider['interactionDetails']>>

/**
 * Whether a login answers what a site asks for. One that was made for this very question always does. An earlier one does not where the site
 * wants its visitor to prove anew who they are, or to be somebody else.
 */
function isEnough({ at, next }: Login, { prompt, params }: Asked, here: string): boolean {
  if (next === here) return true
  const age = Date.now() / 1000 - at
  return prompt.reasons.every(
    (reason) =>
      reason === 'no_session' || reason === 'no_login' || (reason === 'max_age' && age <= Number(params['max_age'])),
  )
}

function sendLogin(req: Request, res: Response, fault = ''): void {
  const next = safeNext(req, req.query['next'], '/')
  const alert = fault === '' ? html`` : html`<p role="alert">${fault}</p>`
  const form = html`${alert}<form method="post" action="/login?next=${encodeURIComponent(next)}">${token(req)}
<label>Name <input name="username" autocomplete="username" required></label>
<label>Password <input name="password" type="password" autocomplete="current-password" required></label>
<button>Log in</button></form>`
  res.status(fault === '' ? 200 : 400).send(page('Log in', form))
}

function logoutForms(req: Request): Html {
  return html`<form method="post" action="/logout">${token(req)}<button>Log out</button></form>
<form method="post" action="/logout/everywhere">${token(req)}<button>Log out on all devices</button></form>`
}
