import type { Site } from 'sojourn'
import { sojourn } from 'sojourn/fastify'
import { onFastify, type Plug } from './on-fastify.js'
import { visitorPages } from './pages.js'
import type { ServeSites } from './sojourn.js'

const plug =
  (site: Site): Plug =>
  (app) =>
    app.register(sojourn(site))

export const serveSites: ServeSites = (site, sliding) => onFastify(visitorPages, plug(site), sliding && plug(sliding))
