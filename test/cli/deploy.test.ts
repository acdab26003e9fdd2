import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { siteSettings } from '../../examples/site/settings.js'
import { run } from '../../src/cli/run.js'
import type { SettingsInput } from '../../src/core/settings.js'
import { memoryEngine } from '../../src/engines/memory.js'
import { sojourn } from '../../src/sojourn.js'
import { run as runProgram } from '../support/run.js'
import { SECRET } from '../support/sites.js'

const STRONG = 'kUx3vPz0bq7NfJt2LwRm9YcDg5HsAeKi8TnXo4VuBy6QjWrZ1M'

/** Settings of which there is nothing to say. */
const GOOD: SettingsInput = {
  secretKey: STRONG,
  sessionCookieSecure: true,
  csrfCookieSecure: true,
  allowedHosts: ['shop.example.com'],
  loginThrottle: { retryAfter: () => 0 },
}

const idsOf = (settings: SettingsInput): readonly string[] =>
  sojourn({ ...GOOD, ...settings })
    .check()
    .map(({ id }) => id)

/** Twenty faults and more, one by one. */
const FAULTS: readonly (readonly [id: string, settings: SettingsInput])[] = [
  ['security.W003', { middleware: ['sessions', 'auth', 'messages'] }],
  ['security.W009', { secretKey: 'short' }],
  ['security.W009', { secretKey: 'ab'.repeat(30) }],
  ['security.W009', { secretKey: `django-insecure-${STRONG}` }],
  ['security.W009', { secretKey: new Uint8Array(40) }],
  ['security.W025', { secretKeyFallbacks: [STRONG, 'short'] }],
  ['security.W012', { sessionCookieSecure: false }],
  ['security.W015', { sessionCookieHttponly: false }],
  ['security.W016', { csrfCookieSecure: false }],
  ['security.W018', { debug: true }],
  ['security.W020', { allowedHosts: [] }],
  ['sojourn.W001', { sessionCookieDomain: '.example.com' }],
  ['sojourn.W002', { sessionCookieSecure: 'auto' }],
  ['sojourn.W002', { csrfCookieSecure: 'auto' }],
  ['sojourn.W021', { csrfCookieDomain: '.example.com' }],
  ['sojourn.W003', { sessionCookieSamesite: 'None' }],
  ['sojourn.W003', { sessionCookieSamesite: false }],
  ['sojourn.W004', { sessionCookieAge: 31 * 86_400 }],
  ['sojourn.W005', { sessionEngine: 'memory' }],
  ['sojourn.W005', { sessionEngine: 'cache', caches: { default: 'locmem:' } }],
  ['sojourn.W006', { sessionEngine: Object.assign(memoryEngine(), { consistency: 'last-write-wins' as const }) }],
  ['sojourn.W007', { csrfMode: 'report-only' }],
  ['sojourn.W008', { csrfTrustedOrigins: ['http://a.example'] }],
  ['sojourn.W009', { csrfExemptPaths: ['/*'] }],
  ['sojourn.W010', { pbkdf2Iterations: 1000 }],
  ['sojourn.W011', { passwordHashers: ['argon2', 'md5'] }],
  ['sojourn.W012', { random: (length, alphabet) => alphabet.slice(0, length) }],
  ['sojourn.W013', { sessionSaveEveryRequest: 'django' }],
  ['sojourn.W014', { signedCookieLegacySaltFallback: true }],
  ['sojourn.W015', { useXForwardedHost: true, allowedHosts: ['*'] }],
  ['sojourn.W016', { sessionEngine: 'signed_cookies' }],
  ['sojourn.W017', { sessionEngine: 'file' }],
  ['sojourn.W018', { loginThrottle: null }],
  [
    'sojourn.W019',
    { remoteUserHeader: 'X-User', authenticationBackends: ['django.contrib.auth.backends.RemoteUserBackend'] },
  ],
  ['sojourn.W020', { dataUploadMaxMemorySize: null }],
]

/** Settings that look like a fault and are none. */
const INNOCENT: readonly (readonly [settings: SettingsInput])[] = [
  [{}],
  [{ sessionCookieSecure: 'auto', secureProxySslHeader: ['X-Forwarded-Proto', 'https'] }],
  [{ csrfUseSessions: true, csrfCookieSecure: false }],
  [{ csrfUseSessions: true, csrfCookieSecure: 'auto', csrfCookieDomain: '.example.com' }],
  [{ middleware: ['sessions', 'csrf'], loginThrottle: null }],
  [{ sessionCookieAge: 31 * 86_400, sessionAbsoluteAge: 40 * 86_400 }],
  [{ sessionEngine: 'signed_cookies', sessionUserIndex: true }],
  [{ passwordHashers: ['argon2', 'pbkdf2_sha256'], pbkdf2Iterations: 1000 }],
  [{ csrfTrustedOrigins: ['https://*.example.com'], csrfExemptPaths: ['/hooks/*'] }],
  [{ secretKey: new Uint8Array(32).map((_, at) => at) }],
  [{ useXForwardedHost: true }],
]

test.each(FAULTS)('%s is said of %j, and nothing else', (id, settings) => {
  expect(idsOf(settings)).toEqual([id])
})

test.each(INNOCENT)('nothing is said of %j', (settings) => {
  expect(idsOf(settings)).toEqual([])
})

test('each says the setting, and what to do', () => {
  const findings = FAULTS.flatMap(([, settings]) => sojourn({ ...GOOD, ...settings }).check())
  for (const { setting, message, remedy, level } of findings) {
    expect(level).toBe('warning')
    expect(setting).toMatch(/^[a-zA-Z0-9]+$/)
    expect([message, remedy].every((text) => /^[A-Z].*[^ ]$/.test(text))).toBe(true)
  }
})

test('what is silenced is not said', () => {
  expect(idsOf({ debug: true, loginThrottle: null, silencedSystemChecks: ['security.W018'] })).toEqual(['sojourn.W018'])
})

describe('sojourn check --deploy', () => {
  let folder: string
  beforeAll(() => {
    folder = mkdtempSync(join(tmpdir(), 'sojourn-deploy-'))
  })
  afterAll(() => rmSync(folder, { recursive: true }))

  async function check(args: readonly string[], env: Record<string, string> = {}) {
    const out: string[] = []
    const err: string[] = []
    const world = { out: (line: string) => out.push(line), err: (line: string) => err.push(line) }
    const code = await run(['check', '--deploy', ...args], { env, ...world })
    return { code, out: out.join('\n'), err: err.join('\n') }
  }

  function file(name: string, text: string): string {
    const path = join(folder, name)
    writeFileSync(path, text)
    return path
  }

  const BAD = `{
    secretKey: 'short', secretKeyFallbacks: ['old'], debug: true, middleware: ['sessions', 'auth'],
    sessionCookieSecure: false, sessionCookieHttponly: false, sessionCookieSamesite: false, sessionCookieDomain: '.example.com',
    sessionCookieAge: 99999999, sessionEngine: 'memory', csrfMode: 'report-only', csrfTrustedOrigins: ['http://a.example'],
    csrfExemptPaths: ['/*'], pbkdf2Iterations: 1, passwordHashers: ['pbkdf2_sha256', 'sha1'], random: (length) => 'a'.repeat(length),
    sessionSaveEveryRequest: 'django', signedCookieLegacySaltFallback: true, useXForwardedHost: true, dataUploadMaxMemorySize: null,
    remoteUserHeader: 'X-User', authenticationBackends: ['django.contrib.auth.backends.RemoteUserBackend'],
  }`

  test('names each fault of a bad set, in the form of Django', async () => {
    const path = file('bad.mjs', `export default ${BAD}`)
    const { code, out, err } = await check(['--settings', path])
    expect([code, err]).toEqual([0, ''])
    const named = [...out.matchAll(/^(\w+): \((\w+\.W\d{3})\) .+\n\tHINT: .+$/gm)].map(
      ([, setting, id]) => `${setting} ${id}`,
    )
    expect(named).toEqual([
      ...['middleware security.W003', 'secretKey security.W009', 'secretKeyFallbacks security.W025'],
      ...['sessionCookieSecure security.W012', 'sessionCookieHttponly security.W015', 'debug security.W018'],
      ...['allowedHosts security.W020', 'sessionCookieDomain sojourn.W001', 'sessionCookieSamesite sojourn.W003'],
      ...['sessionAbsoluteAge sojourn.W004', 'sessionEngine sojourn.W005', 'csrfMode sojourn.W007'],
      ...['csrfTrustedOrigins sojourn.W008', 'csrfExemptPaths sojourn.W009', 'pbkdf2Iterations sojourn.W010'],
      ...['passwordHashers sojourn.W011', 'random sojourn.W012', 'sessionSaveEveryRequest sojourn.W013'],
      ...[
        'signedCookieLegacySaltFallback sojourn.W014',
        'useXForwardedHost sojourn.W015',
        'loginThrottle sojourn.W018',
      ],
      ...['remoteUserHeader sojourn.W019', 'dataUploadMaxMemorySize sojourn.W020'],
    ])
    expect(out).toMatch(/^WARNINGS:\n[\s\S]*\n\nSystem check identified 23 issues \(0 silenced\)\.$/)
    expect(out).not.toContain("'short'")
  })

  test('ends with 1 from the level that is asked for', async () => {
    const path = file('bad-again.mjs', `export const settings = () => (${BAD})`)
    expect((await check(['--settings', path, '--fail-level', 'warning'])).code).toBe(1)
    expect((await check(['--settings', path, '--fail-level', 'ERROR'])).code).toBe(0)
    expect((await check(['--settings', path, '--fail-level', 'loud'])).err).toContain("critical, not 'loud'")
    expect((await check(['--settings', path, '--fail-level', 'critical'])).code).toBe(0)
  })

  test('has little to say of the demonstration, and nothing of good settings', async () => {
    const ids = sojourn({ ...siteSettings({ SECRET_KEY: SECRET }), sessionEngine: 'memory' })
      .check()
      .map(({ id }) => id)
    expect(ids).toEqual(['security.W018', 'security.W020', 'sojourn.W002', 'sojourn.W005', 'sojourn.W018'])
    const good = {
      SECRET_KEY: STRONG,
      SESSION_COOKIE_SECURE: 'true',
      CSRF_COOKIE_SECURE: 'true',
      ALLOWED_HOSTS: 'a.example',
    }
    const silenced = { ...good, SILENCED_SYSTEM_CHECKS: 'sojourn.W018' }
    expect(await check(['--fail-level', 'warning'], silenced)).toEqual({
      code: 0,
      out: 'System check identified no issues (1 silenced).',
      err: '',
    })
  })

  test('a file that has no settings is told', async () => {
    for (const text of ['export const other = 1', 'export default 7']) {
      const { code, err } = await check(['--settings', file(`none${text.length}.mjs`, text)])
      expect([code, err]).toEqual([1, expect.stringContaining('exports no settings')])
    }
    const gone = join(folder, 'gone.mjs')
    expect(await check(['--settings', gone])).toMatchObject({
      code: 1,
      err: expect.stringContaining(`no file ${gone}`),
    })
  })

  test('looks at the database that the file names, whatever the environment has', async () => {
    const own = join(folder, 'own.sqlite3')
    const path = file('own.mjs', `export default { secretKey: '${STRONG}', databases: { default: 'sqlite:${own}' } }`)
    const out: string[] = []
    const env = { DATABASE_URL: 'nonsense:' }
    const code = await run(['check', '--settings', path], {
      env,
      out: (line) => out.push(line),
      err: (line) => out.push(line),
    })
    expect([code, out.join('\n')]).toEqual([0, expect.stringContaining(own)])
  })

  test.each([
    ['migrate', '--settings', 'x.mjs'],
    ['clearsessions', '--settings', 'x.mjs'],
    ['migrate', '--deploy'],
    ['migrate', '--dry-run'],
    ['check', '--dry-run'],
  ])('%s takes no %s', async (...args) => {
    const err: string[] = []
    const code = await run(args, { env: {}, out: () => undefined, err: (line) => err.push(line) })
    expect([code, err.join()]).toEqual([2, expect.stringContaining(`${args[0]} takes no ${args[1]}`)])
  })

  test('shows no password that stands in a URL of the file', async () => {
    const path = file('throws.mjs', "throw new Error('cannot connect postgres://u:hunter2pass@h/db')")
    const { code, err } = await check(['--settings', path])
    expect([code, err.includes('hunter2pass'), err.includes('postgres://u:***@h')]).toEqual([1, false, true])
  })

  test('ends though the file has opened a server', { timeout: 30_000 }, async () => {
    const path = file(
      'open.mjs',
      `import { createServer } from 'node:http'; createServer().listen(0, '127.0.0.1'); export default { secretKey: '${STRONG}' }`,
    )
    const args = ['--import', 'tsx', 'src/cli/main.ts', 'check', '--deploy', '--settings', path]
    const { code, stdout } = await runProgram(process.execPath, args, { seconds: 20 })
    expect([code, stdout]).toEqual([0, expect.stringContaining('System check identified')])
  })
})
