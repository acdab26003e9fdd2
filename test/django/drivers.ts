import { need } from '../support/debian.js'
import { run } from '../support/run.js'
import { findDjango, type Suite } from './home.js'

/** Debian's packages with Python's drivers, and the module that each is imported by. */
const modules = {
  'python3-psycopg2': 'psycopg2',
  'python3-mysqldb': 'MySQLdb',
  'python3-redis': 'redis',
  'python3-pymemcache': 'pymemcache',
  'python3-pylibmc': 'pylibmc',
} as const

export type DriverPackage = keyof typeof modules

const asked = new Map<string, Promise<string | undefined>>()

/**
 * What is missing for the Django of a suite to use these drivers, which are compiled for Debian's own Python; installed first
 * if we may. For `describe.skipIf(missing !== undefined)`.
 */
export async function missingDriver(
  suite: Suite | undefined,
  packages: readonly DriverPackage[],
): Promise<string | undefined> {
  const home = await findDjango(suite)
  if ('missing' in home) return home.missing
  for (const name of packages) {
    const key = `${home.python} ${name}`
    const search = asked.get(key) ?? find(home.python, name)
    asked.set(key, search)
    const missing = await search
    if (missing !== undefined) return missing
  }
  return undefined
}

async function find(python: string, name: DriverPackage): Promise<string | undefined> {
  const missing = await need(name)
  if (missing !== undefined) return missing
  const { code } = await run(python, ['-c', `import ${modules[name]}`])
  return code === 0 ? undefined : `${name} is installed, but ${python} does not find it`
}
