import express from 'express'
import { sojourn as onExpress } from '../../src/adapters/express.js'
import { sojourn as onFetch } from '../../src/adapters/fetch.js'
import { sojourn as onNode } from '../../src/adapters/node.js'
import type { SettingsInput } from '../../src/core/settings.js'
import type { Site } from '../../src/core/site.js'
import { sojourn } from '../../src/sojourn.js'
import { type App, appOf, Client, type Routes, type Served, serve, serveFetch } from '../../src/testing/index.js'
import { SECRET } from '../support/sites.js'
import { keysOf, type Live, memoryDatabase } from './live.js'

/** How a site is served, by adapter. */
const starts = {
  node: (site: Site, app: App) => serve(onNode(site).handle(app.node)),
  express: (site: Site, app: App) => serve(express().use(onExpress(site), app.node)),
  fetch: (site: Site, app: App) => serveFetch(onFetch(site)(app.fetch)),
} satisfies Record<string, (site: Site, app: App) => Promise<Served>>

export type Anywhere = keyof typeof starts
export const everywhere = Object.keys(starts) as readonly Anywhere[]

/** The same pages on the loopback by any adapter, with tables in memory. `await using` takes it down. */
export async function standing(adapter: Anywhere, settings: SettingsInput, routes: Routes): Promise<Live> {
  const database = memoryDatabase()
  const site = sojourn({
    secretKey: SECRET,
    databases: { default: database },
    pbkdf2Iterations: 10,
    ...settings,
  } as SettingsInput)
  // Attacks make requests fail, and nobody wants to read of it.
  site.on('request_failed', () => undefined)
  const { origin, close } = await starts[adapter](site, appOf(routes))
  const visitors: Client[] = []
  return {
    site,
    origin,
    database,
    keys: () => keysOf(database),
    visitor() {
      const visitor = new Client(origin)
      visitors.push(visitor)
      return visitor
    },
    async [Symbol.asyncDispose]() {
      for (const visitor of visitors) visitor.close()
      await close()
      await site.close()
      await database.close()
    },
  }
}

/** The method of a request, whichever framework's it is. */
export function methodOf(request: object): string {
  return (request as { readonly method: string }).method
}
