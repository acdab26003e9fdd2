/**
 * A site that knows its visitors by the provider at ISSUER. It prints its port. The end of the input means that whoever started this is gone,
 * and so is this.
 */
import express from 'express'
import { csrfInput, getUser, loginRequired, sojourn, userBackend } from 'sojourn/express'
import { createRelyingParty } from 'sojourn/oidc'
import { sqliteUrl } from '../beside-django/environment.js'
import { secretKeyBeside } from './keys.js'
import { html, page, raw } from './page.js'

process.on('SIGINT', () => undefined)
process.stdin.on('end', () => process.exit(0)).resume()

const { ORIGIN = 'http://shop.localhost:8001', ISSUER = 'http://localhost:8000/oidc' } = process.env
const { NAME = 'shop', CLIENT_SECRET, DATABASE = 'shop.sqlite3' } = process.env
const { hostname, port } = new URL(ORIGIN)

const sessions = sojourn({
  secretKey: secretKeyBeside(DATABASE),
  databases: { default: sqliteUrl(DATABASE) },
  // By the second the provider tells of logouts.
  allowedHosts: [hostname, '127.0.0.1'],
  loginUrl: '/oidc/login',
  logoutRedirectUrl: '/',
})
const { site } = sessions
const users = userBackend(site)
const party = createRelyingParty({
  site,
  config: { issuer: ISSUER, clientId: NAME, clientSecret: CLIENT_SECRET },
  redirectUri: `${ORIGIN}/oidc/callback`,
  postLogoutUri: `${ORIGIN}/oidc/logged-out`,
  scope: 'openid profile',
  keepTokens: 'encrypted',
  mapUser: ({ sub }) => users.getOrCreate(`id|${sub}`),
})

const app = express()
app.disable('x-powered-by')
app.use(sessions, party.routes)

app.get('/', async (req, res) => {
  const user = await getUser(req)
  const way =
    user === null
      ? html`<p><a href="/oidc/login?next=/">Log in</a></p>`
      : html`<p><a href="/account">Your account</a></p>
<form method="post" action="/oidc/logout">${raw(csrfInput(req))}<button>Log out</button></form>`
  res.send(page(NAME, html`<p>You are <b id="user">${user?.username ?? 'nobody'}</b>.</p>${way}`))
})

app.get('/account', loginRequired, async (req, res) => {
  const headers = { Authorization: `Bearer ${await party.accessToken(req)}` }
  const answer = await fetch(`${ISSUER}/me`, { headers })
  res.send(
    page('Your account', html`<p>The provider says of you: <code id="account">${await answer.text()}</code></p>`),
  )
})

await site.migrate()
await site.ready()
app.listen(Number(port), '127.0.0.1', () => console.log(port))
