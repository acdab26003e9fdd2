import { type Response, Router } from 'express'
import type { Site } from 'sojourn'
import {
  authenticate,
  getUser,
  login,
  loginRequired,
  logout,
  type ModelUser,
  messages,
  safeNext,
  updateSessionAuthHash,
  userBackend,
} from 'sojourn/express'
import { html } from './html.js'
import { sendPage, token } from './page.js'

/** Login, logout and a new password, each of them Django's too. */
export function account(site: Site): Router {
  const router = Router()
  const users = userBackend(site)

  router.get('/login', (req, res) =>
    sendPage(
      req,
      res,
      'Log in at Node',
      html`<form method="post">${token(req)}
<p><label>Username: <input name="username" required autocomplete="username"></label></p>
<p><label>Password: <input name="password" type="password" required autocomplete="current-password"></label></p>
<button>Log in</button></form>`,
    ),
  )

  router.post('/login', async (req, res) => {
    const { username, password } = req.body as Readonly<Record<string, unknown>>
    const user = await authenticate(req, { username, password })
    if (user === null) return refuse(res, 'Wrong name or password.')
    await login(req, user)
    res.redirect(303, safeNext(req, req.query['next'], '/node/'))
  })

  router.post('/logout', async (req, res) => {
    await logout(req)
    res.redirect(303, '/node/')
  })

  router.get('/account/password', loginRequired, (req, res) =>
    sendPage(
      req,
      res,
      'Change your password at Node',
      html`<form method="post">${token(req)}
<p><label>Old password: <input name="old_password" type="password" required autocomplete="current-password"></label></p>
<p><label>New password: <input name="new_password" type="password" required autocomplete="new-password"></label></p>
<button>Change it</button></form>`,
    ),
  )

  router.post('/account/password', loginRequired, async (req, res) => {
    const { old_password, new_password } = req.body as Readonly<Record<string, unknown>>
    const user = (await getUser(req)) as ModelUser
    const known = await users.authenticate({ username: user.username, password: old_password })
    if (known === null) return refuse(res, 'Your old password is another one.')
    // AUTH_PASSWORD_VALIDATORS are Django's: here is the place for rules of your own.
    if (typeof new_password !== 'string' || new_password.length < 8) return refuse(res, 'Eight characters at least.')
    const changed = await users.setPassword(user, new_password)
    // All other sessions of this user end, at Django too; this one goes on.
    await updateSessionAuthHash(req, changed)
    messages.success(req, 'Node says: your password is changed')
    res.redirect(303, '/node/')
  })

  return router
}

function refuse(res: Response, why: string): void {
  res.status(400).type('text').send(why)
}
