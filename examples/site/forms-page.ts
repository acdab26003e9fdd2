import { randomBytes } from 'node:crypto'
import { Router } from 'express'
import type { Site } from 'sojourn'
import { type CsrfReasonCode, csrfProtect } from 'sojourn/express'
import { flash, render } from './page.js'
import type { TextName } from './texts.js'

/** What a request may bring, and why it is then refused. */
type Refusal = { readonly code: CsrfReasonCode } & ({ readonly header: string } | { readonly text: TextName })

/** In the order of the checks. The tests hold each line against what the site does. */
export const refusals: readonly Refusal[] = [
  { header: 'Sec-Fetch-Site: cross-site', code: 'fetch_site' },
  { header: 'Sec-Fetch-Site: same-site', code: 'fetch_site' },
  { header: 'Origin: https://other.example', code: 'origin' },
  { header: 'Origin: null', code: 'origin' },
  { text: 'bringsNoCookie', code: 'no_cookie' },
  { text: 'bringsNoToken', code: 'no_token' },
  { text: 'bringsOtherToken', code: 'token' },
]

/** What protects the forms of this site, to be tried out: three forms, of which only the first is accepted. */
export function formsPage(site: Site): Router {
  const router = Router()

  router.get('/forms', async (req, res) => {
    // Any 64 letters and digits are the token of somebody.
    const strangersToken = randomBytes(32).toString('hex')
    await render(req, res, 'forms.njk', { strangersToken, refusals, csrfMode: site.settings.csrfMode })
  })

  // The guard is for a site whose settings leave the protection out, all of it or on this path: what this page says is so all the same.
  router.post('/forms', csrfProtect, (req, res) => {
    flash(req, 'success', 'formAccepted')
    const said = ['Sec-Fetch-Site', 'Origin'].flatMap((name) => {
      const value = req.get(name)
      return value === undefined ? [] : [`${name}: ${value}`]
    })
    if (said.length > 0) flash(req, 'info', 'browserSaid', said.join(', '))
    res.redirect(303, '/forms')
  })

  return router
}
