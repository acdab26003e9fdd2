import { mkdirSync } from 'node:fs'
import type { Server } from 'node:http'
import { Redis } from 'ioredis'
import openPostgres from 'postgres'
import { type SettingsInput, type Site, sojourn } from 'sojourn'
import { signedCodec } from 'sojourn/codecs/signed'
import { mysql } from 'sojourn/databases/mysql'
import { postgres } from 'sojourn/databases/postgres'
import { sessionTables } from 'sojourn/engines/db'
import { fileEngine } from 'sojourn/engines/file'
import { memoryEngine } from 'sojourn/engines/memory'
import { type Framework, type Serve, type Setup, slides } from './index.js'
import { SECRET } from './secret.js'
import { countStatements } from './sqlite.js'

/** As a user has it: csrf, auth and messages are on, and nothing is set but the store. */
export const serve: Serve = async (setup) => {
  const settings = { secretKey: SECRET, ...(await storeOf(setup)) }
  const site = await opened(settings)
  const sliding = slides(setup.store) ? await opened({ ...settings, sessionSaveEveryRequest: true }) : undefined
  return (await serverOn[setup.framework]()).serveSites(site, sliding)
}

/** `sliding` is the site of the page whose reads move the end. */
export type ServeSites = (site: Site, sliding: Site | undefined) => Server | Promise<Server>

/** Only the framework that is measured is loaded. */
const serverOn: Readonly<Record<Framework, () => Promise<{ readonly serveSites: ServeSites }>>> = {
  node: () => import('./sojourn-on-node.js'),
  express: () => import('./sojourn-on-express.js'),
  fastify: () => import('./sojourn-on-fastify.js'),
  koa: () => import('./sojourn-on-koa.js'),
  hono: () => import('./sojourn-on-hono.js'),
}

/** A site that has met its store: the first connection is not what is measured. */
async function opened(settings: SettingsInput): Promise<Site> {
  const site = sojourn(settings)
  for (let tries = 1; ; tries++) {
    try {
      await site.sessions.open('abcdefghijklmnopqrstuvwxyz012345').load()
      return site
    } catch (error) {
      if (tries === 10) throw error
      await new Promise((resolve) => setTimeout(resolve, 200))
    }
  }
}

async function storeOf({ store, file, urls, count }: Setup): Promise<SettingsInput> {
  switch (store) {
    case 'signed cookies':
      return { sessionEngine: 'signed_cookies' }
    case 'SQLite':
      if (count) countStatements(count)
      return { sessionEngine: 'db', databases: { default: `sqlite:${file}` } }
    case 'PostgreSQL':
      return { sessionEngine: 'db', databases: { default: await inPostgres(urls) } }
    case 'PostgreSQL by postgres.js':
      return { sessionEngine: 'db', databases: { default: openPostgres(await inPostgres(urls)) } }
    case 'MariaDB':
      return { sessionEngine: 'db', databases: { default: await inMariadb(urls) } }
    case 'PostgreSQL and Redis':
      return {
        sessionEngine: 'cached_db',
        databases: { default: await inPostgres(urls) },
        caches: { default: String(urls.redis) },
      }
    case 'Redis':
      return { sessionEngine: 'cache', caches: { default: String(urls.redis) } }
    case 'Redis by ioredis':
      return { sessionEngine: 'cache', caches: { default: new Redis(String(urls.redis)) } }
    case 'Memcached':
      return { sessionEngine: 'cache', caches: { default: String(urls.memcached) } }
    case 'file':
    case 'file without sync':
      return inFiles(`${file}-sessions`, store === 'file', count)
    default:
      return inMemory(count)
  }
}

const ENGINE = ['load', 'create', 'save', 'touch', 'delete', 'exists']

function inFiles(folder: string, sync: boolean, count: Setup['count']): SettingsInput {
  mkdirSync(folder)
  if (!count) return { sessionEngine: 'file', sessionFilePath: folder, sessionFileSync: sync }
  const engine = fileEngine({ folder, sync, codec: signedCodec({ secretKey: SECRET }) })
  count(engine, ENGINE)
  return { sessionEngine: engine }
}

function inMemory(count: Setup['count']): SettingsInput {
  if (!count) return { sessionEngine: 'memory' }
  const engine = memoryEngine()
  count(engine, ENGINE)
  return { sessionEngine: engine }
}

async function inPostgres({ postgres: url }: Setup['urls']): Promise<string> {
  const database = postgres(String(url))
  await sessionTables(database)
  await database.close()
  return String(url)
}

async function inMariadb({ mariadb: url }: Setup['urls']): Promise<string> {
  const database = mysql(String(url))
  await sessionTables(database)
  await database.close()
  return String(url)
}
