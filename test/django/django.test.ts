/** That the Django of the other tests is real, is the one just started, and leaves nothing behind. */
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { dirname, join } from 'node:path'
import { text } from 'node:stream/consumers'
import Database from 'better-sqlite3'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { programPath } from '../support/debian.js'
import { findDjango, type Suite } from './home.js'
import { type Django, startDjango } from './server.js'

const secretKey = 'a secret of the tests, of more than fifty characters in all'
const home = await findDjango()
const none = 'missing' in home ? home.missing : undefined

/** The cookies of a response as a browser would send them back; one that is deleted has an empty value. */
function cookies(response: Response): string {
  const pairs = response.headers.getSetCookie().map((line) => line.split(';')[0] ?? '')
  return pairs.filter((pair) => !/=("")?$/.test(pair)).join('; ')
}

describe.skipIf(none !== undefined)(`a real Django${none === undefined ? '' : ` (${none})`}`, () => {
  let django: Django
  beforeAll(async () => {
    django = await startDjango({ secretKey })
    await django.createUser('ann', 'correct horse')
  })
  afterAll(() => django?.stop())

  const post = (path: string, body: string, cookie = ''): Promise<Response> =>
    fetch(`${django.url}/django/${path}`, {
      method: 'POST',
      headers: { cookie, 'content-type': 'application/json' },
      body,
    })
  const get = (path: string, cookie = ''): Promise<Response> =>
    fetch(`${django.url}/django/${path}`, { headers: { cookie } })
  const login = async (): Promise<string> =>
    cookies(await post('login', JSON.stringify({ username: 'ann', password: 'correct horse' })))

  test('says which version it is, and that is the one that runs', async () => {
    expect(django.version).toMatch(/^\d+\.\d+/)
    expect(await django.python('import django; print(django.get_version(), end="")')).toBe(django.version)
  })

  test('has the tables that its migrations make', () => {
    const database = new Database(django.database, { readonly: true })
    const names = database.prepare("SELECT name FROM sqlite_schema WHERE type = 'table'").pluck().all()
    database.close()
    expect(names).toEqual(expect.arrayContaining(['django_session', 'auth_user', 'django_migrations']))
  })

  test('logs a user in, knows them again by the cookie, and forgets them at logout', async () => {
    const cookie = await login()
    expect(cookie).toMatch(/sessionid=[a-z0-9]{32}/)
    expect(await (await get('whoami', cookie)).json()).toMatchObject({ username: 'ann' })
    expect(await (await get('whoami')).json()).toBeNull()
    await post('logout', '', cookie)
    expect(await (await get('whoami', cookie)).json()).toBeNull()
  })

  test('refuses a wrong password', async () => {
    const response = await post('login', '{"username": "ann", "password": "wrong"}')
    expect([response.status, cookies(response)]).toEqual([403, ''])
  })

  test('keeps the login over a change of the password only where it was changed', async () => {
    await django.createUser('eve', 'first')
    const enter = async (): Promise<string> => cookies(await post('login', '{"username": "eve", "password": "first"}'))
    const [here, elsewhere] = [await enter(), await enter()]
    const after = cookies(await post('password', '{"password": "second"}', here))
    expect(await (await get('whoami', after)).json()).toMatchObject({ username: 'eve' })
    expect(await (await get('whoami', elsewhere)).json()).toBeNull()
  })

  test('keeps a session in the file that Node reads', async () => {
    const cookie = cookies(await post('ops', '[["set", "a", 1]]'))
    const database = new Database(django.database, { readonly: true })
    const row = database.prepare('SELECT session_data FROM django_session WHERE session_key = ?').pluck()
    const stored = row.get(cookie.replace('sessionid=', ''))
    database.close()
    expect(stored).toMatch(/^[\w-]+:\w+:[\w-]+$/)
  })

  test('tells numbers with all their digits', async () => {
    const response = await post('ops', '[["set", "n", 1.0], ["set", "big", 12345678901234567890]]')
    const told = await (await get('session.json', cookies(response))).text()
    expect(told).toContain('"data": {"n": 1.0, "big": 12345678901234567890}')
  })

  test('does what it is told with the session, and answers with what each step gave', async () => {
    const made = await post('ops', '[["set", "cart", {"a": 1}], ["set_expiry", 60], ["expiry_age"], ["get", "cart"]]')
    expect(await made.json()).toMatchObject({ results: [null, null, 60, { a: 1 }] })
    const nested = await post('ops', '[["nested_set", "cart", "b", 2], ["modified"], ["cycle_key"]]', cookies(made))
    expect(cookies(nested)).not.toBe(cookies(made))
    const now = await (await get('session.json', cookies(nested))).json()
    expect(now).toMatchObject({ data: { cart: { a: 1, b: 2 } }, expire_at_browser_close: false })
    await post('ops', '[["flush"]]', cookies(nested))
    expect(await (await get('session.json', cookies(nested))).json()).toMatchObject({ data: {}, key: null })
  })

  test('answers with the status asked for, and a 500 saves nothing', async () => {
    const response = await post('ops', '{"ops": [["set", "a", 1]], "status": 500}')
    expect([response.status, cookies(response)]).toEqual([500, ''])
  })

  test('serves one request while another waits at a gate', async () => {
    const cookie = cookies(await post('ops', '[["set", "a", 1]]'))
    const gate = django.gate('between load and save')
    const slow = post('ops', '[["load"], ["gate", "between load and save"], ["set", "slow", true]]', cookie)
    await gate.arrived()
    await post('ops', '[["set", "quick", true]]', cookie)
    await gate.open()
    expect((await slow).status).toBe(200)
    // The whole dictionary of the last writer wins: Django's own lost update, played in a known order.
    expect(await (await get('session.json', cookie)).json()).toMatchObject({ data: { a: 1, slow: true } })
    expect(await (await get('session.json', cookie)).text()).not.toContain('quick')
  })

  test('refuses a form without its token and takes it with one', async () => {
    const page = await get('form')
    const token = /name="csrfmiddlewaretoken" value="(\w{64})"/.exec(await page.text())?.[1] ?? 'none'
    const send = (fields: Record<string, string>): Promise<Response> =>
      fetch(`${django.url}/django/form`, {
        method: 'POST',
        headers: { cookie: cookies(page) },
        body: new URLSearchParams(fields),
      })
    expect((await send({})).status).toBe(403)
    expect(await (await send({ csrfmiddlewaretoken: token })).text()).toBe('ok')
    const { token: another } = (await (await get('csrf.json', cookies(page))).json()) as { token: string }
    expect(await (await send({ csrfmiddlewaretoken: another })).text()).toBe('ok')
  })

  test('shows a message once', async () => {
    const cookie = cookies(await post('messages', '{"text": "saved", "level": 25, "extra_tags": "green"}'))
    const shown = await get('messages', cookie)
    expect(await shown.json()).toEqual([{ level: 25, tags: 'green success', extra_tags: 'green', text: 'saved' }])
    expect(cookies(shown)).toBe('')
    expect(shown.headers.getSetCookie().join()).toContain('messages=')
  })

  test('shows its admin to a superuser', async () => {
    await django.createUser('root', 'all doors', { superuser: true })
    const cookie = cookies(await post('login', '{"username": "root", "password": "all doors"}'))
    expect(await (await get('admin/', cookie)).text()).toContain('Site administration')
    expect((await fetch(`${django.url}/django/admin/`, { redirect: 'manual' })).status).toBe(302)
  })

  test('runs the commands of manage.py on the same database', async () => {
    const cookie = cookies(await post('ops', '[["set", "a", 1], ["set_expiry", -1]]'))
    const key = cookie.replace('sessionid=', '')
    const count = `from django.contrib.sessions.models import Session\nprint(Session.objects.filter(pk=args).count(), end='')`
    expect(await django.python(count, key)).toBe('1')
    await django.manage('clearsessions')
    expect(await django.python(count, key)).toBe('0')
    await expect(django.manage('nosuchcommand')).rejects.toThrow("Unknown command: 'nosuchcommand'")
  })

  test('tells what Python raised', async () => {
    await expect(django.python('raise ValueError(args)', 'so it was')).rejects.toThrow('ValueError: so it was')
  })

  test('takes other settings', async () => {
    const engine = 'django.contrib.sessions.backends.signed_cookies'
    await using other = await startDjango({ secretKey, settings: { SESSION_ENGINE: engine, USE_TZ: false } })
    const made = await fetch(`${other.url}/django/ops`, { method: 'POST', body: '[["set", "a", 1]]' })
    expect(cookies(made)).toMatch(/^sessionid=[\w-]+:\w+:[\w-]+$/)
    expect(await other.python('from django.conf import settings; print(settings.USE_TZ, end="")')).toBe('False')
  })

  test('starts many times at once on one database', async () => {
    const folder = await mkdtemp(join(tmpdir(), 'sojourn-test-'))
    const database = join(folder, 'db.sqlite3')
    const all = await Promise.allSettled([1, 2, 3, 4].map(() => startDjango({ database, secretKey })))
    const started = all.flatMap((one) => (one.status === 'fulfilled' ? [one.value] : []))
    try {
      expect(all.filter((one) => one.status === 'rejected')).toEqual([])
      expect(new Set(started.map(({ url }) => url)).size).toBe(4)
      const [first, second] = started as [Django, Django]
      const made = await fetch(`${first.url}/django/ops`, { method: 'POST', body: '[["set", "a", 1]]' })
      const read = await fetch(`${second.url}/django/session.json`, { headers: { cookie: cookies(made) } })
      expect(await read.json()).toMatchObject({ data: { a: 1 } })
    } finally {
      await Promise.all(started.map((one) => one.stop()))
      await rm(folder, { recursive: true })
    }
  })

  test('tells why it did not start', async () => {
    const options = { secretKey, settings: { INSTALLED_APPS: ['no_such_app'] } }
    await expect(startDjango(options)).rejects.toThrow("No module named 'no_such_app'")
  })

  test('is gone after stop, with its folder, and whoever waited for it is told', async () => {
    const brief = await startDjango({ secretKey })
    const told = expect(brief.gate('nobody comes').arrived()).rejects.toThrow('Django ended (SIGTERM)')
    await Promise.all([brief.stop(), brief.stop()])
    await told
    expect(() => process.kill(brief.pid, 0)).toThrow('ESRCH')
    await expect(fetch(brief.url)).rejects.toThrow('fetch failed')
    await expect(rm(dirname(brief.database))).rejects.toThrow('ENOENT')
    await expect(brief.python('print(1)')).rejects.toThrow('Django ended')
  })

  test('does not outlive a test process that was killed', async () => {
    const server = new URL('server.ts', import.meta.url)
    const program = `
      const { startDjango } = await import(${JSON.stringify(server.href)})
      const django = await startDjango({ secretKey: ${JSON.stringify(secretKey)} })
      console.log(django.url)
      process.kill(process.pid, 'SIGKILL')`
    const node = spawn(process.execPath, ['--import', 'tsx', '--input-type=module', '-e', program])
    const [printed] = await Promise.all([text(node.stdout), once(node, 'close')])
    expect(printed).toMatch(/^http:/)
    const answers = (): Promise<boolean> => fetch(printed.trim()).then(Boolean, () => false)
    await expect.poll(answers, { timeout: 10_000 }).toBe(false)
  })
})

describe.skipIf(programPath('apt-get') === undefined)('Debian has a Django of each kind of wire', () => {
  const versions: readonly [Suite, RegExp][] = [
    ['sid', /^(5\.[2-9]|[6-9]\.)/],
    ['trixie', /^4\.2\./],
    ['bookworm', /^3\.2\./],
  ]
  test.each(versions)('%s', async (suite, version) => {
    await using django = await startDjango({ secretKey, suite })
    expect(django.version).toMatch(version)
    expect(await (await fetch(`${django.url}/django/whoami`)).text()).toBe('null')
  })
})
