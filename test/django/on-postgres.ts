import { existsSync } from 'node:fs'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { withLock } from '../support/lock.js'
import { run } from '../support/run.js'
import { findDjango, type Suite } from './home.js'
import { unpackPackages } from './packages.js'

const cache = fileURLToPath(new URL('../../node_modules/.cache/sojourn-django/', import.meta.url))

/** Debian's drivers that run in this machine's Python: bookworm's own, and the one of pure Python that newer Djangos want. */
const drivers: Readonly<Record<Suite, readonly string[]>> = {
  bookworm: ['python3-psycopg2'],
  trixie: ['python3-psycopg', 'python3-typing-extensions'],
  sid: ['python3-psycopg', 'python3-typing-extensions'],
}

/** A Django of a suite that can reach a PostgreSQL. */
export interface DjangoOnPostgres {
  readonly version: string
  /** Runs Python with Django set up on the database of that URL, its apps auth, contenttypes and sessions installed; what it printed. */
  python(url: string, code: string): Promise<string>
}

/** The Django of a suite with a driver for PostgreSQL, fetched when first asked for. */
export async function djangoOnPostgres(suite: Suite): Promise<DjangoOnPostgres | { readonly missing: string }> {
  const home = await findDjango(suite)
  if ('missing' in home) return home
  const folder = join(cache, `${suite}-psycopg`)
  const why = await withLock(`${folder}.lock`, async () =>
    existsSync(folder) ? undefined : unpackPackages(suite, drivers[suite], folder),
  )
  if (why !== undefined) return { missing: why }
  const env = {
    ...process.env,
    PYTHONPATH: `${home.pythonPath}:${join(folder, 'usr/lib/python3/dist-packages')}`,
    PYTHONPYCACHEPREFIX: home.bytecode,
    PYTHONNOUSERSITE: '1',
  }
  const python = async (url: string, code: string): Promise<string> => {
    const { code: status, stdout, stderr } = await run(home.python, ['-c', setUp(new URL(url)) + code], { env })
    if (status !== 0) throw new Error(`Django ${home.version} on PostgreSQL exited ${status}: ${stderr.slice(-2000)}`)
    return stdout
  }
  return { version: home.version, python }
}

function setUp({ hostname, port, username, pathname }: URL): string {
  const database = { ENGINE: 'django.db.backends.postgresql', HOST: hostname, PORT: port, USER: username }
  const given = JSON.stringify({ default: { ...database, NAME: pathname.slice(1) } })
  return `
import json
import django
from django.conf import settings
from django.core.management import call_command
settings.configure(
    DATABASES=json.loads(${JSON.stringify(given)}),
    SECRET_KEY='a secret of the tests, of more than fifty characters in all',
    INSTALLED_APPS=['django.contrib.contenttypes', 'django.contrib.auth', 'django.contrib.sessions'],
    USE_TZ=True,
)
django.setup()
`
}
