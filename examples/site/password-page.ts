import { Router } from 'express'
import type { Site } from 'sojourn'
import {
  authenticate,
  getUser,
  loginRequired,
  type ModelUser,
  updateSessionAuthHash,
  userBackend,
} from 'sojourn/express'
import { type Faults, fieldOf, passwordFaults } from './credentials.js'
import { flash, render } from './page.js'

/** A new password, which ends all sessions of the user but this one. */
export function passwordPage(site: Site): Router {
  const router = Router()
  const users = userBackend(site)

  router.get('/password', loginRequired, async (req, res) => {
    await render(req, res, 'password.njk')
  })

  router.post('/password', loginRequired, async (req, res) => {
    const { body } = req
    const refuse = (faults: Faults): Promise<void> => {
      res.status(400)
      return render(req, res, 'password.njk', { faults })
    }
    const user = (await getUser(req)) as ModelUser
    const password = fieldOf(body, 'password')
    const faults = passwordFaults(user.username, password, fieldOf(body, 'again'))
    if (Object.keys(faults).length > 0) return refuse(faults)
    // As at a login, so that `loginThrottle` counts these tries too. And last: it may store a stronger hash of the same password, which
    // this session would not outlive.
    const known = await authenticate(req, { username: user.username, password: fieldOf(body, 'current') })
    if (known?.id !== user.id) return refuse({ current: 'currentPasswordWrong' })

    await updateSessionAuthHash(req, await users.setPassword(user, password))
    // They are nobody's from now on; this takes them off the list of devices as well.
    if (site.settings.sessionUserIndex) await site.sessions.revokeUser(user.id, { except: req })
    flash(req, 'success', 'passwordChanged')
    res.redirect(303, '/password')
  })

  return router
}
