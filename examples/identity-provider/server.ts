/**
 * The app that is the identity provider, at ORIGIN: it prints its port. SITES are those that log in by it. The end of the input means that whoever started
 * this is gone, and so is this.
 */
import Database from 'better-sqlite3'
import { sojourn } from 'sojourn'
import { userBackend } from 'sojourn/express'
import { createApp } from './app.js'
import { keysBeside } from './keys.js'
import { createProvider } from './provider.js'
import { Records } from './records.js'
import type { RelyingSite } from './sites.js'
import { demoUsers } from './users.js'

// Ctrl+C reaches every process of the terminal; whoever started this ends it.
process.on('SIGINT', () => undefined)
process.stdin.on('end', () => process.exit(0)).resume()

const { ORIGIN = 'http://localhost:8000', DATABASE = 'identity-provider.sqlite3', SITES = '[]' } = process.env
const sites = JSON.parse(SITES) as readonly RelyingSite[]
const keys = keysBeside(DATABASE)

// One connection for sessions and the provider's records, so that neither waits for the other.
const database = new Database(DATABASE, { timeout: 500 })
database.pragma('journal_mode = WAL')
const { hostname, port } = new URL(ORIGIN)
const site = sojourn({
  secretKey: keys.secretKey,
  databases: { default: database },
  allowedHosts: [hostname],
  loginUrl: '/login',
  loginRedirectUrl: '/',
  // As the provider's own cookie does, so that neither is there without the other.
  sessionExpireAtBrowserClose: true,
  // For a logout on all devices.
  sessionUserIndex: true,
  // The provider's own routes: sites' servers have no form of ours, and its own forms have tokens of their own.
  csrfExemptPaths: ['/oidc/*'],
})
await site.migrate()
await site.ready()
const users = userBackend(site)
for (const { username, password } of demoUsers) {
  if ((await users.getByUsername(username)) === null) await users.createUser(username, password)
}

const records = new Records(database)
const provider = createProvider({ site, issuer: `${ORIGIN}/oidc`, records, keys, sites, onOneMachine: true })
createApp({ site, provider, records, sites }).listen(Number(port), '127.0.0.1', () => console.log(port))
