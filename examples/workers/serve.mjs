/** `node serve.mjs MINIFLARE PROGRAM`: runs the Worker with the bindings of wrangler.jsonc until it is told to end. */
import { readFileSync } from 'node:fs'
import { createRequire } from 'node:module'
import { join } from 'node:path'

const [home, program] = process.argv.slice(2)
const { Miniflare } = createRequire(join(home, 'package.json'))('miniflare')
const workers = new Miniflare({
  modules: [{ type: 'ESModule', path: program }],
  modulesRoot: '/',
  compatibilityDate: '2025-09-15',
  compatibilityFlags: ['nodejs_compat'],
  host: '127.0.0.1',
  port: Number(process.env.PORT ?? 8000),
  d1Databases: ['DB'],
  bindings: { SECRET_KEY: process.env.SECRET_KEY ?? 'only for a first try' },
})
const database = await workers.getD1Database('DB')
const tables = readFileSync(new URL('migrations/0001_sessions.sql', import.meta.url), 'utf8')
for (const statement of tables.split('\n')) if (statement !== '') await database.exec(statement)
console.log(`http://localhost:${(await workers.ready).port}/`)
for (const signal of ['SIGINT', 'SIGTERM']) process.on(signal, () => workers.dispose().then(() => process.exit()))
