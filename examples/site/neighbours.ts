import type { IncomingMessage, ServerResponse } from 'node:http'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import express, { type Express } from 'express'
import nunjucks from 'nunjucks'
import type { Site } from 'sojourn'
import { getUser, sojourn } from 'sojourn/express'
import { csrfTokenTag } from 'sojourn/nunjucks'
import { createSites, type Sites } from 'sojourn/sites'
import { createApp } from './app.js'
import { pageValues } from './page.js'

const here = fileURLToPath(new URL('.', import.meta.url))

/** Two more sites, on hosts of their own; to a browser they have nothing to do with the shop. */
export const NEIGHBOURS = ['news', 'maps'] as const
type Neighbour = (typeof NEIGHBOURS)[number]

/** Each site with its address, for links. */
export interface Link {
  readonly name: string
  readonly href: string
}

/** The shop and its neighbours as one listener: the host tells which of them is meant. They share a database and their logins. */
export function neighbourhood(site: Site, port: number): (request: IncomingMessage, response: ServerResponse) => void {
  const hub = `http://localhost:${port}/`
  const links = NEIGHBOURS.map((name) => ({ name, href: `http://${name}.localhost:${port}/` }))
  const members = Object.fromEntries(links.map(({ name, href }) => [name, `${href}sso/`]))
  const sitesOf = (self: string): Sites => createSites({ site, self, hub: `${hub}sso/`, members })
  const shop = createApp(site, { sites: sitesOf('hub'), links })
  const all = new Map(
    links.map(({ name, href }) => {
      const others = [{ name: 'shop', href: hub }, ...links.filter((each) => each.name !== name)]
      return [new URL(href).host, neighbourApp(site, name as Neighbour, sitesOf(name), others)]
    }),
  )
  return (request, response) => (all.get(String(request.headers.host)) ?? shop)(request, response)
}

/** One page: who the visitor is here. An unknown one is asked about at the shop, without a page of it being seen. */
function neighbourApp(site: Site, name: Neighbour, sites: Sites, others: readonly Link[]): Express {
  const app = express()
  app.disable('x-powered-by')
  const environment = nunjucks.configure(join(here, 'views'), { autoescape: true, express: app })
  environment.addExtension('csrf_token', csrfTokenTag())
  app.use(express.static(join(here, 'public'), { maxAge: '1h' }))
  app.use(sojourn(site), express.urlencoded({ extended: false }), sites.routes)
  app.get('/', sites.silent, async (req, res) => {
    res.render('neighbour.njk', { ...pageValues(), request: req, name, others, user: await getUser(req) })
  })
  return app
}
