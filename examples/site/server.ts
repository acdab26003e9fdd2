/**
 * The demonstration site.
 *
 *     npm start                                   http://localhost:8000/, sessions in ./db.sqlite3
 *     PORT=0 SESSION_ENGINE=memory npm start      any free port, sessions in memory
 *
 * Every setting can be given in the environment under Django's name. HOST is where to listen; the default is this machine only.
 */
import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import { type Site, SojournError, sojourn } from 'sojourn'
import { createApp } from './app.js'
import { siteSettings } from './settings.js'
import { demoUsers, ensureDemoUsers } from './users.js'

const { PORT = '8000', HOST = '127.0.0.1' } = process.env

try {
  await start()
} catch (error) {
  if (!(error instanceof SojournError)) throw error
  console.error(`${error.name}: ${error.message}`)
  process.exitCode = 1
}

async function start(): Promise<void> {
  const site = sojourn(siteSettings())
  const began = performance.now()
  const made = await ensureDemoUsers(site)
  if (made > 0)
    console.log(`Made ${made} users in ${Math.round(performance.now() - began)} ms; next time they are there.`)

  const server = createServer(createApp(site))
  server.on('error', (error: NodeJS.ErrnoException) => {
    const why =
      error.code === 'EADDRINUSE' ? `port ${PORT} is taken; choose another: PORT=8001 npm start` : error.message
    console.error(`Cannot listen: ${why}`)
    process.exitCode = 1
    void site.close()
  })
  server.listen(Number(PORT), HOST, () => {
    const { port } = server.address() as AddressInfo
    console.log(`http://localhost:${port}/`)
    for (const { username, password } of demoUsers) console.log(`  log in as ${username} with ${password}`)
    console.log(`  ${survival(site)}`)
  })

  const stop = (): void => {
    server.close(() => void site.close())
    server.closeAllConnections()
  }
  process.once('SIGINT', stop)
  process.once('SIGTERM', stop)
}

function survival({ engine, settings }: Site): string {
  const inMemory = engine.name === 'memory' || settings.databases['default'] === 'sqlite::memory:'
  if (inMemory) return 'Sessions are in memory: they end with this process.'
  return `Ctrl+C, or kill -9 ${process.pid}, and start again: the sessions are still there.`
}
