import type { Site } from 'sojourn'
import { sojourn } from 'sojourn/node'
import { onNode, type Wrap } from './frameworks.js'
import { visitorPages } from './pages.js'
import type { ServeSites } from './sojourn.js'

const around =
  (site: Site): Wrap =>
  (listener) =>
    sojourn(site).handle(listener)

export const serveSites: ServeSites = (site, sliding) => onNode(visitorPages, around(site), sliding && around(sliding))
