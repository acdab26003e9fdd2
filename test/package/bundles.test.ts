import { readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { build } from 'esbuild'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { type Bundle, bundle, peersOf } from '../../tools/bundle.js'
import { repositoryRoot } from '../../tools/report.js'
import { changes, measure, readSizes, sizesPage } from '../../tools/sizes.js'
import { Packed, standOn } from './packed.js'

/** What a setting may ask for. */
const drivers = ['argon2', 'bcrypt', 'mysql2', 'pg', 'redis']

let packed: Packed
let peers: readonly string[]

beforeAll(async () => {
  packed = await Packed.make()
  peers = peersOf(packed.installed)
}, 120_000)

afterAll(() => packed.remove())

const bundled = (code: string): Promise<Bundle> => bundle(packed.project, code, peers)

/** The folders that something is left of: `core`, `engines`. */
const foldersOf = ({ modules }: Bundle): readonly string[] =>
  [...new Set(modules.map((path) => path.split('/')[1] as string).filter((name) => !name.endsWith('.js')))].sort()

test('no entry needs a package: drivers and frameworks come when something asks for them', async () => {
  const all = packed.alone().map((name, index) => `export * as m${index} from '${name}'`)
  const { packages, later } = await bundled(all.join('\n'))
  expect(packages).toEqual([])
  expect(later).toEqual(expect.arrayContaining(drivers))
  expect(peers).toEqual(expect.arrayContaining([...later]))
})

test.each(Object.entries(standOn))('%s needs its framework and no other package at once', async (name, needed) => {
  const { packages, later } = await bundled(`export * from '${name}'`)
  const frameworks = [...packages, ...later].filter((each) => !drivers.includes(each))
  expect(frameworks).toEqual(needed)
})

describe('a bundle of', () => {
  test('the root holds no driver', async () => {
    const { later, packages } = await bundled("export { sojourn } from 'sojourn'")
    expect({ later, packages }).toEqual({ later: drivers, packages: [] })
  })

  test('getSession alone holds what a request needs, and nothing that stores', async () => {
    const made = await bundled("export { getSession } from 'sojourn'")
    expect(foldersOf(made)).toEqual(['core', 'wire'])
    expect([...made.runtime, ...made.later]).toEqual([])
  })

  test('an error alone holds the errors', async () => {
    expect((await bundled("export { StoreUnavailable } from 'sojourn'")).modules).toEqual(['dist/errors.js'])
  })

  test.each([
    ['sojourn/engines/memory', ['caches', 'core', 'engines', 'wire'], ['node:crypto']],
    ['sojourn/engines/signed-cookies', ['codecs', 'core', 'engines', 'wire'], ['node:crypto', 'node:zlib']],
    ['sojourn/engines/db', ['core', 'databases', 'engines'], []],
    ['sojourn/engines/cache', ['codecs', 'core', 'engines', 'wire'], ['node:crypto']],
    ['sojourn/messages', ['core', 'messages', 'wire'], []],
    ['sojourn/csrf', ['core', 'csrf', 'wire'], []],
  ])('%s holds its own parts', async (specifier, folders, runtime) => {
    const made = await bundled(`export * from '${specifier}'`)
    expect({ folders: foldersOf(made), runtime: made.runtime }).toEqual({ folders, runtime })
    // The interface is everybody's; what speaks to a server is not.
    expect(made.modules.filter((path) => /databases\/(?!database)|caches\/(redis|memcached)/.test(path))).toEqual([])
    expect(made.later).toEqual([])
  })

  test('sojourn/browser asks nothing of its runtime', async () => {
    const { modules, runtime } = await bundled("export * from 'sojourn/browser'")
    expect({ modules, runtime }).toEqual({ modules: ['dist/csrf/browser.js'], runtime: [] })
  })
})

describe('where no peer is installed', () => {
  let entry: string

  beforeAll(() => {
    entry = join(packed.project, 'everything.js')
    const lines = packed.alone().map((name, index) => `export * as m${index} from '${name}'`)
    writeFileSync(entry, lines.join('\n'))
  })

  test('esbuild bundles everything, and warns of nothing', async () => {
    const options = { bundle: true, write: false, format: 'esm', platform: 'node', logLevel: 'silent' } as const
    const { errors, warnings } = await build({ ...options, entryPoints: [entry] })
    expect({ errors, warnings }).toEqual({ errors: [], warnings: [] })
  })

  test('Vite bundles everything', async () => {
    const vite = await import('vite')
    const made = vite.build({
      root: packed.project,
      configFile: false,
      logLevel: 'silent',
      ssr: { noExternal: true },
      build: { ssr: entry, write: false, minify: false },
    })
    await expect(made).resolves.toBeDefined()
  })
})

test('no entry is much larger than the page of sizes says', async () => {
  const page = readSizes(readFileSync(join(repositoryRoot, sizesPage), 'utf8'))
  expect(changes(page, await measure(packed.project, packed.installed))).toEqual([])
})
