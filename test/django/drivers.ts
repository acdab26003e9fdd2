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
  const missing = await need(packages)
  if (missing !== undefined) return missing
  for (const name of packages) {
    const { code } = await run(home.python, ['-c', `import ${modules[name]}`])
    if (code !== 0) return `${name} is installed, but ${home.python} does not find it`
  }
  return undefined
}
