import { mkdtempSync, readdirSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import Driver from 'better-sqlite3'
import { afterEach, beforeEach, expect, test } from 'vitest'
import { run } from '../../src/cli/run.js'
import { shownDatabase } from '../../src/cli/shown-database.js'
import { missingServer, startPostgres } from '../support/servers/index.js'

let folder = ''
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'sojourn-cli-'))
})
afterEach(() => rmSync(folder, { recursive: true }))

async function sojourn(args: readonly string[], env: Record<string, string> = {}) {
  const out: string[] = []
  const err: string[] = []
  const code = await run(args, { env, out: (line) => out.push(line), err: (line) => err.push(line) })
  return { code, out: out.join('\n'), err: err.join('\n') }
}

function tables(path: string): readonly unknown[] {
  const file = new Driver(path)
  const names = file
    .prepare("SELECT name FROM sqlite_master WHERE type = 'table' AND name NOT LIKE 'sqlite_%' ORDER BY 1")
    .pluck()
    .all()
  file.close()
  return names
}

test.each(['--database', 'DATABASE_URL'])('migrate makes the tables in the database of %s', async (way) => {
  const path = join(folder, 'db.sqlite3')
  const url = `sqlite:${path}`
  const given = way === '--database' ? await sojourn(['migrate', way, url]) : await sojourn(['migrate'], { [way]: url })
  expect(given).toMatchObject({ code: 0, err: '' })
  const made = tables(path)
  expect(made).toEqual([
    'auth_user',
    'django_session',
    'sojourn_cutoff',
    'sojourn_member',
    'sojourn_record',
    'sojourn_session',
  ])
  for (const table of made) expect(given.out).toContain(table)
  expect(given.out).toContain(`are in ${url}.`)
})

test.each([
  ['postgres://127.0.0.1:7543/shop?user=shop&password=SECRET1', 'postgres://127.0.0.1:7543/shop'],
  ['postgres://shop:p@SECRET2@127.0.0.1:7543/shop', 'postgres://127.0.0.1:7543/shop'],
  ['postgres://shop:SECRET@db.example/shop#SECRET', 'postgres://db.example/shop'],
  ['postgres://[::1]:7543/shop', 'postgres://[::1]:7543/shop'],
  ['postgres:///shop?host=/run/postgresql&password=a@SECRET', 'postgres:///shop'],
  ['mysql://shop:SECRET@h/shop?ssl=SECRET', 'mysql://h/shop'],
  ['mysql://shop:SECRET@h', 'mysql://h'],
  // What is before such characters may be a password, or a host; nobody can tell, so neither is shown.
  ['postgres://shop:SEC?RET@h/shop', 'a postgres: database'],
  ['postgres://shop:SEC/RET@h/shop', 'a postgres: database'],
  ['postgres://shop:12#SECRET@h/shop', 'a postgres: database'],
  ['postgres://shop:12/SECRET@h', 'a postgres: database'],
  ['postgres://shop:12/SECRET@h/shop', 'a postgres: database'],
  ['postgres://shop:12?SECRET@h/shop', 'a postgres: database'],
  ['postgres:shop:SECRET@h', 'a postgres: database'],
  ['sqlite:./a@b/db.sqlite3?synchronous=full', 'sqlite:./a@b/db.sqlite3'],
])('migrate shows no password: %s', (url, shown) => {
  expect(shownDatabase(url)).toBe(shown)
})

const missing = await missingServer('postgres')
test.skipIf(missing !== undefined)(
  `migrate tells where the tables are without the query ${missing ?? ''}`,
  async () => {
    await using server = await startPostgres()
    const { host, pathname, username } = new URL(server.url)
    const url = `postgres://${host}${pathname}?user=${username}&password=SECRET`
    const { code, out } = await sojourn(['migrate', '--database', url])
    expect([code, out]).toEqual([0, expect.stringContaining(`are in postgres://${host}${pathname}.`)])
    expect(out).not.toContain('SECRET')
  },
)

test('migrate again changes nothing', async () => {
  const path = join(folder, 'db.sqlite3')
  await sojourn(['migrate', '--database', `sqlite:${path}`])
  const file = new Driver(path)
  file.prepare('INSERT INTO django_session VALUES (?, ?, ?)').run('k', 'data', '2030-01-01 00:00:00')
  file.close()
  expect(await sojourn(['migrate', '--database', `sqlite:${path}`])).toMatchObject({ code: 0 })
  const again = new Driver(path)
  expect(again.prepare('SELECT session_data FROM django_session').pluck().all()).toEqual(['data'])
  again.close()
})

test('the option goes before the environment', async () => {
  const [one, two] = [join(folder, 'one.sqlite3'), join(folder, 'two.sqlite3')]
  await sojourn(['migrate', '--database', `sqlite:${one}`], { DATABASE_URL: `sqlite:${two}` })
  expect(tables(one)).toContain('django_session')
  expect(tables(two)).toEqual([])
})

test('a database it does not know is an error in words, without the password', async () => {
  const { code, err } = await sojourn(['migrate', '--database', 'oracle://u:hunter2@db/site'])
  expect(code).toBe(1)
  expect(err).toMatch(/postgres:/)
  expect(err).not.toMatch(/hunter2/)
})

test('what is not understood is 2, and help is 0', async () => {
  expect(await sojourn([])).toMatchObject({ code: 2, err: expect.stringContaining('Usage') })
  expect(await sojourn(['fly'])).toMatchObject({ code: 2, err: expect.stringContaining("no command 'fly'") })
  expect(await sojourn(['migarte'])).toMatchObject({ code: 2, err: expect.stringContaining('did you mean migrate?') })
  expect(await sojourn(['constructor'])).toMatchObject({ code: 2 })
  expect(await sojourn(['migrate', '--wings'])).toMatchObject({ code: 2 })
  expect(await sojourn(['--help'])).toMatchObject({ code: 0, out: expect.stringContaining('migrate') })
})

test.each(['migrate', 'clearsessions', 'check'])('%s takes no more words, and shows none of them', async (command) => {
  const url = `sqlite:${join(folder, 'db.sqlite3')}`
  const given = await sojourn([command, 'postgres://u:SECRET@h', '--database', url], { SECRET_KEY: 'k' })
  expect(given).toMatchObject({ code: 2, out: '', err: expect.stringContaining('--database URL') })
  expect(given.err).toContain(command)
  expect(given.err).not.toContain('SECRET')
  expect(readdirSync(folder)).toEqual([])
})

test('a URL in the place of the command is not shown', async () => {
  const { code, err } = await sojourn(['postgres://u:SECRET@h/db'])
  expect([code, err.includes('SECRET')]).toEqual([2, false])
})
