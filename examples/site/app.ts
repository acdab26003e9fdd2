import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import express, { type ErrorRequestHandler, type Express } from 'express'
import nunjucks from 'nunjucks'
import { type Site, SojournError } from 'sojourn'
import { sojourn } from 'sojourn/express'
import { csrfTokenTag } from 'sojourn/nunjucks'
import type { Sites } from 'sojourn/sites'
import { account } from './account.js'
import { Decisions } from './decisions.js'
import { devicesPage } from './devices-page.js'
import { formsPage } from './forms-page.js'
import { pageValues, render, settingsInUse } from './page.js'
import { passwordPage } from './password-page.js'
import { register } from './register.js'
import { sessionPage } from './session-page.js'
import { shop } from './shop.js'

const here = fileURLToPath(new URL('.', import.meta.url))

/** What the shop knows of other sites that share its logins. */
export interface Neighbours {
  readonly sites: Sites
  readonly links: readonly { readonly name: string; readonly href: string }[]
}

/** The demonstration site over any `site`: Express 5 with Nunjucks. */
export function createApp(site: Site, neighbours?: Neighbours): Express {
  // Better at the start than on the first page: MIDDLEWARE in the environment may have left one out.
  for (const name of ['auth', 'messages'] as const) site.part(name)
  const app = express()
  app.disable('x-powered-by')
  const environment = nunjucks.configure(join(here, 'views'), { autoescape: true, express: app })
  environment.addExtension('csrf_token', csrfTokenTag())
  environment.addGlobal('settingsInUse', settingsInUse(site))
  environment.addGlobal('hasDevices', site.settings.sessionUserIndex)
  environment.addGlobal('neighbours', neighbours?.links ?? [])

  app.use((_req, res, next) => {
    res.set({
      'Content-Security-Policy': policy(neighbours),
      'X-Content-Type-Options': 'nosniff',
      'Referrer-Policy': 'same-origin',
    })
    next()
  })
  // Before sojourn: a stylesheet has no visitor.
  app.use(express.static(join(here, 'public'), { maxAge: '1h' }))
  app.use(sojourn(site))
  app.use(express.urlencoded({ extended: false }))
  if (neighbours !== undefined) app.use(neighbours.sites.routes)

  const decisions = new Decisions(site)
  app.use((req, _res, next) => {
    decisions.see(req)
    next()
  })
  app.use(shop(), account(), register(site), passwordPage(site))
  app.use(devicesPage(site), sessionPage(site, decisions), formsPage(site))

  app.use(async (req, res) => {
    res.status(404)
    await render(req, res, 'error.njk', { status: 404 })
  })
  app.use(errorPage(site))
  return app
}

/** All that a page needs comes from here, and nothing in it is inline. A login that began on a neighbour leads back there: browsers count that as where the form goes. */
function policy(neighbours: Neighbours | undefined): string {
  const forms = ["'self'", ...(neighbours?.links ?? []).map(({ href }) => new URL(href).origin)].join(' ')
  return `default-src 'self'; form-action ${forms}; frame-ancestors 'none'; base-uri 'none'; object-src 'none'`
}

function errorPage(site: Site): ErrorRequestHandler {
  return (error, _req, res, next) => {
    if (res.headersSent) return next(error)
    const { status = 500, headers = {} } = error as { status?: number; headers?: Record<string, string> }
    if (status >= 500) console.error(error)
    // Only sojourn's own messages are known to hold no secret.
    const detail = site.settings.debug && error instanceof SojournError ? `${error.code}: ${error.message}` : undefined
    res.status(status).set({ ...headers, 'Cache-Control': 'no-store' })
    res.render('error.njk', { ...pageValues(), status, detail, withoutSession: true })
  }
}
