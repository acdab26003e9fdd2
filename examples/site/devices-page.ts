import { Router } from 'express'
import type { Site, UserSession } from 'sojourn'
import { getUser, loginRequired, logout, type User } from 'sojourn/express'
import { deviceName, isHandheld } from './device-name.js'
import { flash, render } from './page.js'

/** Where this user is logged in, and how to end that. Without `sessionUserIndex` nobody knows, and there is no such page. */
export function devicesPage(site: Site): Router {
  const router = Router()
  if (!site.settings.sessionUserIndex) return router

  /** Signed cookies are kept by the browsers alone: they can be ended together, and nobody can list them. */
  const canList = !site.engine.stateless

  router.get('/devices', loginRequired, async (req, res) => {
    const { id } = (await getUser(req)) as User
    const sessions = canList ? await site.sessions.forUser(id) : []
    res.set('Cache-Control', 'no-store')
    await render(req, res, 'devices.njk', { canList, devices: sessions.map((each) => describe(each, req)) })
  })

  router.post('/devices/end', loginRequired, async (req, res) => {
    const { id } = (await getUser(req)) as User
    const sessions = canList ? await site.sessions.forUser(id) : []
    // Only among this user's own: the name of somebody else's session ends nothing.
    const session = sessions.find((each) => each.id === req.body.id)
    if (session?.isOf(req)) {
      // With what this login has on the neighbours.
      await site.sessions.revoke(session)
      await logout(req)
      flash(req, 'success', 'loggedOut')
      return res.redirect(303, '/')
    }
    if (session !== undefined) await site.sessions.revoke(session)
    flash(req, 'success', 'deviceEnded')
    res.redirect(303, '/devices')
  })

  router.post('/devices/end-others', loginRequired, async (req, res) => {
    const { id } = (await getUser(req)) as User
    await site.sessions.revokeUser(id, { except: req })
    flash(req, 'success', 'othersEnded')
    res.redirect(303, '/devices')
  })

  return router
}

function describe(session: UserSession, request: object): Readonly<Record<string, unknown>> {
  const { id, userAgent, address, created, lastSeen } = session
  const isThis = session.isOf(request)
  return {
    id,
    name: deviceName(userAgent),
    isHandheld: isHandheld(userAgent),
    address,
    created,
    // What is looked at now is noted once a minute at most.
    lastSeen: isThis ? new Date() : lastSeen,
    isThis,
  }
}
