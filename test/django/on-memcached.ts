import { existsSync } from 'node:fs'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { withLock } from '../support/lock.js'
import { run } from '../support/run.js'
import { findDjango, type Suite } from './home.js'
import { unpackPackages } from './packages.js'

const cache = fileURLToPath(new URL('../../node_modules/.cache/sojourn-django/', import.meta.url))

/** A Django of a suite that keeps sessions in its `PyMemcacheCache`. */
export interface DjangoOnMemcached {
  readonly version: string
  /**
   * What a program in Python leaves in `answer`, by way of JSON. It has `cache`, `SessionStore` and what is `given`.
   *
   * @param location the servers, as Django names them
   */
  python(location: readonly string[], given: unknown, program: string): Promise<unknown>
}

const SET_UP = `
import json, pickle, sys
import django
from django.conf import settings
location, given = json.loads(sys.argv[1])
settings.configure(
    SECRET_KEY='a secret of the tests, of more than fifty characters in all',
    SESSION_ENGINE='django.contrib.sessions.backends.cache',
    CACHES={'default': {'BACKEND': 'django.core.cache.backends.memcached.PyMemcacheCache', 'LOCATION': location}},
)
django.setup()
from django.core.cache import cache
from django.contrib.sessions.backends.cache import SessionStore
`

/** The Django of a suite with pymemcache, fetched when first asked for. */
export async function djangoOnMemcached(suite: Suite): Promise<DjangoOnMemcached | { readonly missing: string }> {
  const home = await findDjango(suite)
  if ('missing' in home) return home
  const folder = join(cache, `${suite}-pymemcache`)
  const why = await withLock(`${folder}.lock`, async () =>
    existsSync(folder) ? undefined : unpackPackages(suite, ['python3-pymemcache', 'python3-six'], folder),
  )
  if (why !== undefined) return { missing: why }
  const env = {
    ...process.env,
    PYTHONPATH: `${home.pythonPath}:${join(folder, 'usr/lib/python3/dist-packages')}`,
    PYTHONPYCACHEPREFIX: home.bytecode,
    PYTHONNOUSERSITE: '1',
  }
  return {
    version: home.version,
    async python(location, given, program) {
      const source = `${SET_UP}${program}\nprint(json.dumps(answer))`
      const args = ['-c', source, JSON.stringify([location, given])]
      const { code, stdout, stderr } = await run(home.python, args, { env })
      if (code !== 0) throw new Error(`Django ${home.version} on Memcached exited ${code}: ${stderr.slice(-2000)}`)
      return JSON.parse(stdout)
    },
  }
}
