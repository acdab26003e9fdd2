/** `node serve-workers.mjs MINIFLARE PROGRAM OPTIONS`: runs the Worker until its input ends. The first line of its output is the address. */
import { createRequire } from 'node:module'
import { join } from 'node:path'

const [home, program, given] = process.argv.slice(2)
const { postgres = '', objects = false, sql } = JSON.parse(given)
const { Miniflare } = createRequire(join(home, 'package.json'))('miniflare')
const workers = new Miniflare({
  modules: [{ type: 'ESModule', path: program }],
  modulesRoot: '/',
  // The first day with all of Node's modules that sojourn names.
  compatibilityDate: '2025-09-15',
  compatibilityFlags: ['nodejs_compat'],
  host: '127.0.0.1',
  port: 0,
  bindings: {
    SECRET_KEY: 'a secret of the tests, of more than fifty characters in all',
    POSTGRES: postgres,
    HYPERDRIVE: { connectionString: postgres },
  },
  d1Databases: ['DB'],
  kvNamespaces: ['KV'],
  ...(objects ? { durableObjects: { SESSIONS: { className: 'SessionObject', useSQLite: true } } } : {}),
})
const { origin } = await workers.ready
if (sql !== undefined) await (await workers.getD1Database('DB')).exec(sql)
console.log(origin)
process.stdin.resume()
process.stdin.on('end', () => void workers.dispose())
