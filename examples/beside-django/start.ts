/**
 * A Django site with one route in Node, behind one proxy, on one SQLite file.
 *
 *     npm run beside-django                            http://localhost:PORT/, a free port
 *     PORT=8000 npm run beside-django
 *     SESSION_ENGINE=signed_cookies npm run beside-django
 *     SESSION_ENGINE=cached_db CACHE_URL=redis://127.0.0.1:6379/1 npm run beside-django
 *     CSRF_USE_SESSIONS=true npm run beside-django
 *     PYTHONPATH=/path/to/another/django npm run beside-django
 *
 * DATABASE is the file (./beside-django.sqlite3), SECRET_KEY the key; without one it is made and kept beside the database.
 */
import type { AddressInfo } from 'node:net'
import { fileURLToPath } from 'node:url'
import { type Child, startChild } from './child.js'
import { demoUser, sharedEnvironment } from './environment.js'
import { findDjango } from './find-django.js'
import { reverseProxy } from './proxy.js'

const here = (path: string): string => fileURLToPath(new URL(path, import.meta.url))

const found = await findDjango()
if (found === undefined) {
  console.error('There is no Django here: apt-get install python3-django, or name a Python that has one in PYTHON.')
  process.exit(1)
}

const env = sharedEnvironment(found)
const children: Child[] = []
try {
  // Django first: it makes the tables, and would refuse to where Node had made them.
  children.push(await startChild('Django', found.python, [here('django/serve.py')], env))
  children.push(await startChild('Node', process.execPath, [...process.execArgv, here('node/server.ts')], env))
} catch (error) {
  console.error((error as Error).message)
  await end(1)
}

const [django, node] = children as [Child, Child]
const proxy = reverseProxy((path) => (/^\/node(?:[/?]|$)/.test(path) ? node.port : django.port))
proxy.on('error', async (error) => {
  console.error(`Cannot listen: ${error.message}`)
  await end(1)
})
proxy.listen(Number(process.env['PORT'] ?? 0), '127.0.0.1', () => {
  console.log(`http://localhost:${(proxy.address() as AddressInfo).port}/`)
  console.log(`  log in as ${demoUser.username} with ${demoUser.password}, at Django or at Node`)
  console.log(`  Django ${found.version} is process ${django.pid}, Node is process ${node.pid}`)
})

for (const signal of ['SIGINT', 'SIGTERM'] as const) process.once(signal, () => void end(0))

async function end(code: number): Promise<never> {
  await Promise.all(children.map((child) => child.end()))
  process.exit(code)
}
