import { Router } from 'express'
import { authenticate, login, logout, safeNext } from 'sojourn/express'
import { flash, render } from './page.js'
import { isTheme } from './preferences.js'
import { isLanguage } from './texts.js'

/** Login, logout and preferences. */
export function account(): Router {
  const router = Router()

  router.get('/login', async (req, res) => {
    await render(req, res, 'login.njk', { next: safeNext(req, req.query['next'], '/') })
  })

  router.post('/login', async (req, res) => {
    const { username, password } = req.body as Readonly<Record<string, unknown>>
    const next = safeNext(req, req.body.next, '/')
    const user = await authenticate(req, { username, password })
    if (user === null) {
      res.status(400)
      await render(req, res, 'login.njk', { next, failed: true, given: username })
      return
    }
    // A new key, the same data: the cart comes along.
    await login(req, user)
    req.session.username = user.username
    flash(req, 'success', 'loggedIn', user.username)
    res.redirect(303, next)
  })

  router.post('/logout', async (req, res) => {
    await logout(req)
    flash(req, 'success', 'loggedOut')
    res.redirect(303, '/')
  })

  router.get('/preferences', async (req, res) => {
    await render(req, res, 'preferences.njk', {
      forgetMe: req.session.getExpireAtBrowserClose(),
      days: String(Math.round(req.session.getSessionCookieAge() / 86_400)),
    })
  })

  router.post('/preferences', (req, res) => {
    const { theme, language, forget } = req.body as Readonly<Record<string, unknown>>
    if (isTheme(theme)) req.session.theme = theme
    if (isLanguage(language)) req.session.language = language
    req.session.setExpiry(forget === 'on' ? 0 : null)
    flash(req, 'success', 'saved')
    res.redirect(303, '/preferences')
  })

  return router
}
