import type { Site } from 'sojourn'
import { sojourn } from 'sojourn/koa'
import { onKoa, type PlugKoa } from './on-koa.js'
import { visitorPages } from './pages.js'
import type { ServeSites } from './sojourn.js'

const plug =
  (site: Site): PlugKoa =>
  (app) =>
    void app.use(sojourn(site))

export const serveSites: ServeSites = (site, sliding) => onKoa(visitorPages, plug(site), sliding && plug(sliding))
