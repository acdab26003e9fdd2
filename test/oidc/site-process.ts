/** A process of a site that lets a provider log its visitors in. It prints its port. */
import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import { userBackend } from 'sojourn/auth'
import { sojourn } from 'sojourn/node'
import { createRelyingParty } from 'sojourn/oidc'
import { siteSettings } from '../support/engines.js'
import type { SiteOptions } from './processes.js'
import { CLIENT_SECRET } from './scripted-provider.js'
import { pages } from './world.js'

const { issuer, clientId, store } = JSON.parse(process.argv[2] ?? '{}') as SiteOptions
const { settings } = await siteSettings(store)
const sessions = sojourn({ ...settings, pbkdf2Iterations: 10, loginUrl: '/oidc/login' })
const { site } = sessions
await site.migrate()
await site.ready()
const users = userBackend(site)
if ((await users.getUser('1')) === null) await users.createUser('ann', 'a long password')

const server = createServer().listen(0, '127.0.0.1', () => {
  const { port } = server.address() as AddressInfo
  const origin = `http://127.0.0.1:${port}`
  const party = createRelyingParty({
    site,
    config: { issuer, clientId, clientSecret: CLIENT_SECRET },
    redirectUri: `${origin}/oidc/callback`,
    postLogoutUri: `${origin}/oidc/logged-out`,
    mapUser: ({ sub }) => (sub === 'ann' ? users.getUser('1') : null),
  })
  server.on('request', sessions.handle(pages(party)))
  console.log(`port ${port}`)
})
