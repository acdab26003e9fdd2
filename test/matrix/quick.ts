import type { Counts } from 'sojourn/testing'
import type { RuntimeName } from '../support/runtimes.js'

/** As often as time allows where every column is run with every change. On `node:http`, Express 5 and Fetch the tests of adapters try as often as the claims want. */
export const quickCounts: Counts = { clients: 8, requests: 10, logouts: 40, redirects: 40, failures: 20 }

/**
 * The adapters that are tried with every change, on each runtime; `npm run matrix` has them all. On the Node that the tests run on, those that are
 * not here have tests of their own (`test/contracts/adapters`).
 */
export const quickColumns: Readonly<Record<RuntimeName, readonly string[]>> = {
  node20: ['nest on express', 'nest on fastify', 'next', 'sveltekit', 'nitro'],
  node22: ['node:http'],
  node24: ['express5'],
  node26: ['fetch'],
  bun: ['node:http', 'fetch', 'elysia'],
  deno: ['node:http', 'fetch', 'hono'],
  workerd: ['fetch', 'hono', 'h3'],
}
