import { describe, expect, test } from 'vitest'
import { type RuntimeName, runtime, runtimes } from '../../src/core/runtime.js'
import { refuseForRuntime } from '../../src/core/setting-runtime.js'
import type { SettingsInput } from '../../src/core/settings.js'
import { resolveSettings } from '../../src/core/settings-input.js'
import { memoryEngine } from '../../src/engines/memory.js'
import { ImproperlyConfigured } from '../../src/errors.js'

const refusal = (input: Partial<SettingsInput>, name: RuntimeName) => () =>
  refuseForRuntime(
    resolveSettings({ secretKey: 'a long random text', ...input } as SettingsInput),
    (setting) => setting,
    runtimes[name],
  )

const redis = { default: 'redis://127.0.0.1' }
const REFUSED_ON_WORKERS: Readonly<Record<string, [Partial<SettingsInput>, string]>> = {
  'the default database, a file': [{}, 'databases'],
  'files for sessions': [{ sessionEngine: 'file' }, 'sessionEngine'],
  'a database by URL': [{ databases: { default: 'mysql://site@127.0.0.1/site' } }, 'databases'],
  'a database by URL, for users alone': [
    { sessionEngine: 'memory', databases: { default: 'postgres://site@127.0.0.1/site' } },
    'databases',
  ],
  'a cache by URL': [{ sessionEngine: 'cache', caches: redis }, 'caches'],
  'a cache by URL beside a database': [
    { sessionEngine: 'cached_db', caches: redis, databases: { default: { dialect: 'sqlite' } } },
    'caches',
  ],
  'hashes by a package compiled for Node': [
    { sessionEngine: 'memory', passwordHashers: ['bcrypt_sha256'] },
    'passwordHashers',
  ],
}

describe.each(Object.entries(REFUSED_ON_WORKERS))('%s', (_name, [input, setting]) => {
  test('is refused on Workers, by the name of the setting', () => {
    expect(refusal(input, 'workers')).toThrow(ImproperlyConfigured)
    expect(refusal(input, 'workers')).toThrow(`The setting ${setting} asks for what cannot be on Cloudflare Workers`)
  })

  test.each(['node', 'bun', 'deno'] as const)('is fine on %s', (name) => {
    expect(refusal(input, name)).not.toThrow()
  })
})

test.each([
  ['an engine of its own, whatever the database would be', { sessionEngine: memoryEngine() }],
  ['an open handle', { databases: { default: { dialect: 'sqlite' } } }],
  [
    'a cache that is open',
    { sessionEngine: 'cache', caches: { default: { location: { consistency: 'compare-and-set' } } } },
  ],
  ['memory', { sessionEngine: 'memory' }],
  ['a cache in memory', { sessionEngine: 'cache', caches: { default: 'locmem:' } }],
  ['signed cookies', { sessionEngine: 'signed_cookies' }],
  ['caches that nobody uses', { sessionEngine: 'memory', caches: redis }],
  ['hashes by such a package that are only read', { sessionEngine: 'memory', passwordHashers: ['scrypt', 'argon2'] }],
] as readonly (readonly [string, Partial<SettingsInput>])[])('%s: fine on Workers', (_name, input) => {
  expect(refusal(input, 'workers')).not.toThrow()
})

test('the runtime of these tests is Node', () => {
  expect(runtime).toBe(runtimes.node)
})
