import type { Counts } from 'sojourn/testing'

/** As often as time allows where every column is run with every change. On `node:http`, Express 5 and Fetch the tests of adapters try as often as the claims want. */
export const quickCounts: Counts = { clients: 8, requests: 10, logouts: 40, redirects: 40, failures: 20 }
