import { Router } from 'express'
import { type Site, UsernameTaken } from 'sojourn'
import { login, type ModelUser, safeNext, userBackend } from 'sojourn/express'
import { cleanUsername, type Faults, fieldOf, passwordFaults, usernameFault } from './credentials.js'
import { flash, render } from './page.js'

/** A visitor becomes a user, and is logged in at once. */
export function register(site: Site): Router {
  const router = Router()
  const users = userBackend(site)

  router.get('/register', async (req, res) => {
    await render(req, res, 'register.njk', { next: safeNext(req, req.query['next'], '/') })
  })

  router.post('/register', async (req, res) => {
    const { body } = req
    const next = safeNext(req, body.next, '/')
    // Before anything is made: where the session cannot be reached, nobody could be logged in, and the name would be taken.
    await req.session.load()
    const made = await makeUser(body)
    if ('faults' in made) {
      res.status(400)
      await render(req, res, 'register.njk', { next, faults: made.faults, given: fieldOf(body, 'username') })
      return
    }
    // A new key, the same data: the cart comes along.
    await login(req, made.user, users.path)
    req.session.username = made.user.username
    flash(req, 'success', 'registered', made.user.username)
    res.redirect(303, next)
  })

  /** Only of an account that could be made is the name looked up: else half a form would tell, at no cost, who has one. */
  async function makeUser(body: unknown): Promise<{ readonly user: ModelUser } | { readonly faults: Faults }> {
    const username = cleanUsername(fieldOf(body, 'username'))
    const password = fieldOf(body, 'password')
    const fault = usernameFault(username)
    const faults: Faults = {
      ...(fault !== undefined && { username: fault }),
      ...passwordFaults(username, password, fieldOf(body, 'again')),
    }
    if (Object.keys(faults).length > 0) return { faults }
    try {
      return { user: await users.createUser(username, password) }
    } catch (error) {
      if (error instanceof UsernameTaken) return { faults: { username: 'usernameTaken' } }
      throw error
    }
  }

  return router
}
