/** `node serve.mjs MINIFLARE PROGRAM`: runs the Worker with the bindings of wrangler.jsonc until it is told to end. */
import { readFileSync } from 'node:fs'
import { createRequire } from 'node:module'
import { join } from 'node:path'

const [home, program] = process.argv.slice(2)
const { Miniflare } = createRequire(join(home, 'package.json'))('miniflare')
const settings = {
  modulesRoot: '/',
  compatibilityDate: '2025-09-15',
  compatibilityFlags: ['nodejs_compat'],
  host: '127.0.0.1',
  d1Databases: ['DB'],
  bindings: { SECRET_KEY: process.env.SECRET_KEY ?? 'only for a first try' },
}
// The tables come first, as `wrangler d1 migrations apply` stands before `wrangler deploy`: until they are there, nothing listens on PORT.
const workers = new Miniflare({ ...settings, port: 0, modules: true, script: 'export default {}' })
const database = await workers.getD1Database('DB')
const tables = readFileSync(new URL('migrations/0001_sessions.sql', import.meta.url), 'utf8')
for (const statement of tables.split('\n')) if (statement !== '') await database.exec(statement)
await workers.setOptions({
  ...settings,
  port: Number(process.env.PORT ?? 8000),
  modules: [{ type: 'ESModule', path: program }],
})
console.log(`http://localhost:${(await workers.ready).port}/`)
for (const signal of ['SIGINT', 'SIGTERM']) process.on(signal, () => workers.dispose().then(() => process.exit()))
