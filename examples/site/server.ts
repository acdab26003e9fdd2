/**
 * The demonstration site.
 *
 *     npm start                                   http://localhost:8000/, sessions in ./db.sqlite3
 *     PORT=0 SESSION_ENGINE=memory npm start      any free port, sessions in memory
 *     SESSION_ENGINE=file SESSION_FILE_PATH=./sessions npm start
 *     DATABASE_URL=postgres://user@127.0.0.1/shop npm start
 *     SESSION_ENGINE=cache CACHE_URL=redis://127.0.0.1:6379/1 npm start
 *     SESSION_ENGINE=cached_db DATABASE_URL=mysql://... CACHE_URL=memcached://127.0.0.1:11211 npm start
 *
 * It makes what is missing: tables, the folder, two users. Every setting can be given in the environment under Django's name. HOST is where to listen; the default is this machine only.
 */
import { mkdirSync } from 'node:fs'
import { createServer, type RequestListener } from 'node:http'
import type { AddressInfo } from 'node:net'
import { setTimeout } from 'node:timers/promises'
import { type Site, SojournError, StoreUnavailable, sojourn } from 'sojourn'
import { NEIGHBOURS, neighbourhood } from './neighbours.js'
import { storeName } from './page.js'
import { siteSettings } from './settings.js'
import { demoUsers, ensureDemoUsers } from './users.js'

const { PORT = '8000', HOST = '127.0.0.1' } = process.env

try {
  await start()
} catch (error) {
  if (!(error instanceof SojournError)) throw error
  const { name, message, cause } = error
  console.error(`${name}: ${message}${cause instanceof Error ? ` (${cause.message})` : ''}`)
  process.exitCode = 1
}

async function start(): Promise<void> {
  const site = sojourn(siteSettings())
  const { sessionEngine, sessionFilePath } = site.settings
  if (sessionEngine === 'file' && sessionFilePath !== null) mkdirSync(sessionFilePath, { recursive: true, mode: 0o700 })
  const began = performance.now()
  const made = await prepare(site).catch(async (error: unknown) => {
    await site.close()
    throw error
  })
  if (made > 0)
    console.log(`Made ${made} users in ${Math.round(performance.now() - began)} ms; next time they are there.`)

  let listener: RequestListener = (_, response) => void response.writeHead(503).end()
  const server = createServer((request, response) => listener(request, response))
  server.on('error', (error: NodeJS.ErrnoException) => {
    const why =
      error.code === 'EADDRINUSE' ? `port ${PORT} is taken; choose another: PORT=8001 npm start` : error.message
    console.error(`Cannot listen: ${why}`)
    process.exitCode = 1
    void site.close()
  })
  server.listen(Number(PORT), HOST, () => {
    const { port } = server.address() as AddressInfo
    listener = neighbourhood(site, port)
    console.log(`http://localhost:${port}/`)
    for (const { username, password } of demoUsers) console.log(`  log in as ${username} with ${password}`)
    const others = NEIGHBOURS.map((name) => `http://${name}.localhost:${port}/`)
    console.log(`  two more sites that share the login: ${others.join(' and ')}`)
    console.log(`  ${survival(site)}`)
  })

  const stop = (): void => {
    server.close(() => void site.close())
    server.closeAllConnections()
  }
  process.once('SIGINT', stop)
  process.once('SIGTERM', stop)
}

/** Makes tables and users that are missing, and asks the session store once: its driver is then loaded before the first visitor comes. */
async function prepare(site: Site, tries = 5): Promise<number> {
  try {
    await site.migrate()
    await site.sessions.open().exists('nobody-has-this-key')
    return await ensureDemoUsers(site)
  } catch (error) {
    // A machine that has just begun may be too slow for the quarter of a second that a connection may take.
    if (tries === 1 || !(error instanceof StoreUnavailable)) throw error
    await setTimeout(300)
    return prepare(site, tries - 1)
  }
}

function survival(site: Site): string {
  const store = storeName(site)
  const isTableInMemory = site.settings.databases['default'] === 'sqlite::memory:' && /^(?:cached_)?db /.test(store)
  if (store === 'memory' || store === 'cache (locmem)' || isTableInMemory) {
    return 'Sessions are in memory: they end with this process.'
  }
  if (store === 'cache (memcached)') return `Sessions outlive this process (kill -9 ${process.pid}), but not Memcached.`
  return `Ctrl+C, or kill -9 ${process.pid}, and start again: the sessions are still there.`
}
