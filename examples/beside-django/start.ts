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
 * DATABASE is the file (./beside-django.sqlite3), SECRET_KEY the key; without one it is made and kept beside the database. With OIDC_ISSUER
 * visitors log in by a provider: see node/provider.ts, and ../identity-provider, which starts one.
 */
import { demoUser, sharedEnvironment } from './environment.js'
import { findDjango } from './find-django.js'
import { startTogether } from './together.js'

const found = await findDjango()
if (found === undefined) {
  console.error('There is no Django here: apt-get install python3-django, or name a Python that has one in PYTHON.')
  process.exit(1)
}

try {
  const { port, django, node, end } = await startTogether(
    found,
    sharedEnvironment(found),
    Number(process.env['PORT'] ?? 0),
  )
  console.log(`http://localhost:${port}/`)
  console.log(`  log in as ${demoUser.username} with ${demoUser.password}, at Django or at Node`)
  console.log(`  Django ${found.version} is process ${django.pid}, Node is process ${node.pid}`)
  for (const signal of ['SIGINT', 'SIGTERM'] as const)
    process.once(signal, () => void end().then(() => process.exit(0)))
} catch (error) {
  console.error((error as Error).message)
  process.exit(1)
}
