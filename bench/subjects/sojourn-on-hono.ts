import type { Site } from 'sojourn'
import { sojourn } from 'sojourn/hono'
import { onHono, type PlugHono } from './on-hono.js'
import { visitorPages } from './pages.js'
import type { ServeSites } from './sojourn.js'

const plug =
  (site: Site): PlugHono =>
  (app) =>
    void app.use(sojourn(site))

export const serveSites: ServeSites = (site, sliding) => onHono(visitorPages, plug(site), sliding && plug(sliding))
