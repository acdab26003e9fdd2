import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import Driver from 'better-sqlite3'
import { afterEach, beforeEach, expect, test } from 'vitest'
import { run } from '../../src/cli/run.js'

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
  expect(tables(path)).toEqual(expect.arrayContaining(['auth_user', 'django_session']))
})

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
  expect(await sojourn(['constructor'])).toMatchObject({ code: 2 })
  expect(await sojourn(['migrate', '--wings'])).toMatchObject({ code: 2 })
  expect(await sojourn(['--help'])).toMatchObject({ code: 0, out: expect.stringContaining('migrate') })
})
