/**
 * An app that is an identity provider, and two sites that log in by it: a shop in Node, and a Django with a part in Node, which share one
 * session.
 *
 *     npm run example identity-provider               http://localhost:8000/, and the sites at 8001 and 8002
 *     PORT=9000 npm run example identity-provider     9000, 9001 and 9002; with 0 whatever is free
 *
 * DATABASE is the provider's file (./identity-provider.sqlite3); the sites have files of their own beside it. Without a Django the second site
 * is another one in Node.
 */
import { randomBytes } from 'node:crypto'
import { once } from 'node:events'
import { type AddressInfo, createServer } from 'node:net'
import { fileURLToPath } from 'node:url'
import { startChild } from '../beside-django/child.js'
import { sharedEnvironment } from '../beside-django/environment.js'
import { findDjango } from '../beside-django/find-django.js'
import { startTogether } from '../beside-django/together.js'
import type { RelyingSite } from './sites.js'
import { demoUsers } from './users.js'

const { PORT = '8000', DATABASE = 'identity-provider.sqlite3' } = process.env
// Each site has a secret of its own, and so none from the environment.
const { SECRET_KEY: _, ...env } = process.env
const [first, second, third] = PORT === '0' ? await freePorts() : portsFrom(Number(PORT))
const origin = `http://localhost:${first}`
const issuer = `${origin}/oidc`
const found = await findDjango()
const shop = siteOf('shop', second)
const guestbook = siteOf('guestbook', third)

const ends: (() => Promise<void>)[] = []
// Not once: Ctrl+C comes from the terminal and from npm.
for (const signal of ['SIGINT', 'SIGTERM'] as const) process.on(signal, () => void end(0))

try {
  const sites = JSON.stringify([shop, guestbook])
  await start('The provider', 'server.ts', { ...process.env, ORIGIN: origin, DATABASE, SITES: sites })
  await startNode(shop)
  const kind = found === undefined ? await startNode(guestbook) : await startDjango(found, guestbook)
  console.log(
    `${origin}/  the provider: log in as ${demoUsers.map(({ username, password }) => `${username} with ${password}`).join(', or as ')}`,
  )
  console.log(`${shop.origin}/  a site in Node`)
  console.log(`${guestbook.origin}/  ${kind}`)
} catch (error) {
  console.error((error as Error).message)
  await end(1)
}

function siteOf(id: string, port: number): RelyingSite {
  const given = process.env[`${id.toUpperCase()}_CLIENT_SECRET`]
  return {
    id,
    secret: given ?? randomBytes(32).toString('base64url'),
    origin: `http://${id}.localhost:${port}`,
    // Names below localhost are known to every browser, and not to every server.
    inside: `http://127.0.0.1:${port}`,
  }
}

async function startNode({ id, secret, origin: own }: RelyingSite): Promise<string> {
  const database = `${DATABASE}.${id}.sqlite3`
  await start(id, 'shop.ts', {
    ...env,
    ORIGIN: own,
    ISSUER: issuer,
    NAME: id,
    CLIENT_SECRET: secret,
    DATABASE: database,
  })
  return 'another one: there is no Django here (apt-get install python3-django, or name a Python that has one in PYTHON)'
}

async function startDjango(django: NonNullable<typeof found>, site: RelyingSite): Promise<string> {
  const { id, secret, origin: own } = site
  const login = { OIDC_ISSUER: issuer, OIDC_CLIENT_SECRET: secret, OIDC_ORIGIN: own }
  const shared = sharedEnvironment(django, { ...env, ...login, DATABASE: `${DATABASE}.${id}.sqlite3` })
  const together = await startTogether(django, shared, Number(new URL(own).port))
  ends.push(together.end)
  return `a Django ${django.version}, with a part in Node that logs its visitors in`
}

async function start(name: string, file: string, given: NodeJS.ProcessEnv): Promise<void> {
  const path = fileURLToPath(new URL(file, import.meta.url))
  const child = await startChild(name, process.execPath, [...process.execArgv, path], given)
  ends.push(child.end)
}

type Ports = readonly [number, number, number]

function portsFrom(port: number): Ports {
  return [port, port + 1, port + 2]
}

/** Three that are free just now. */
async function freePorts(): Promise<Ports> {
  const servers = [createServer(), createServer(), createServer()] as const
  for (const server of servers) await once(server.listen(0, '127.0.0.1'), 'listening')
  const ports = servers.map((server) => (server.address() as AddressInfo).port)
  for (const server of servers) await once(server.close(), 'close')
  return ports as unknown as Ports
}

async function end(code: number): Promise<never> {
  await Promise.all(ends.map((each) => each()))
  process.exit(code)
}
