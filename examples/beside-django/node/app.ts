import express, { type Express } from 'express'
import type { Site } from 'sojourn'
import { sojourn } from 'sojourn/express'
import { account } from './account.js'
import { visitor } from './visitor.js'

/** The routes below `/node/`. */
export function createApp(site: Site): Express {
  const app = express()
  app.disable('x-powered-by')
  app.use(sojourn(site))
  app.use(express.urlencoded({ extended: false }))
  app.use('/node', visitor(), account(site))
  return app
}
