import { sojourn } from 'sojourn/express'
import { onExpress } from './frameworks.js'
import { visitorPages } from './pages.js'
import type { ServeSites } from './sojourn.js'

export const serveSites: ServeSites = (site, sliding) =>
  onExpress(visitorPages, sojourn(site), sliding && sojourn(sliding))
