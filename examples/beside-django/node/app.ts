import express, { type Express } from 'express'
import type { Site } from 'sojourn'
import { sojourn } from 'sojourn/express'
import { account } from './account.js'
import { loginByProvider } from './provider.js'
import { visitor } from './visitor.js'

/** The routes below `/node/`, and with a provider those below `/oidc/`. */
export function createApp(site: Site): Express {
  const app = express()
  app.disable('x-powered-by')
  app.use(sojourn(site))
  const party = loginByProvider(site)
  if (party !== undefined) app.use(party.routes)
  app.locals['provider'] = party !== undefined
  app.use(express.urlencoded({ extended: false }))
  app.use('/node', visitor(), account(site))
  return app
}
