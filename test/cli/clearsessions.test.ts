import { mkdtempSync, readdirSync, rmSync, truncateSync, utimesSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, expect, test } from 'vitest'
import { run } from '../../src/cli/run.js'
import { sqlite } from '../../src/databases/sqlite.js'

let folder = ''
let url = ''
beforeEach(async () => {
  folder = mkdtempSync(join(tmpdir(), 'sojourn-cli-'))
  url = `sqlite:${join(folder, 'db.sqlite3')}`
})
afterEach(() => rmSync(folder, { recursive: true }))

async function fill(expired: number, alive: number): Promise<void> {
  await sojourn(['migrate'])
  const database = sqlite(url)
  const insert = database.prepare("INSERT INTO django_session VALUES (?1, 'x', ?2)")
  database.execute('BEGIN')
  for (let i = 0; i < expired + alive; i++) {
    await insert.run(`session${i}`, database.fromMoment(Date.now() + (i < expired ? -1000 - i : 3_600_000)))
  }
  database.execute('COMMIT')
  await database.close()
}

async function left(): Promise<number> {
  const database = sqlite(url)
  const row = await database.prepare('SELECT COUNT(*) AS n FROM django_session').get()
  await database.close()
  return Number(row?.['n'])
}

async function sojourn(args: readonly string[], more: { watched?: boolean; signal?: AbortSignal; env?: object } = {}) {
  const out: string[] = []
  const err: string[] = []
  const statuses: string[] = []
  const code = await run(args, {
    env: { DATABASE_URL: url, ...more.env },
    out: (line) => out.push(line),
    err: (line) => err.push(line),
    ...(more.watched ? { status: (line: string) => void statuses.push(line) } : {}),
    ...(more.signal ? { signal: more.signal } : {}),
  })
  return { code, out: out.join('\n'), err: err.join('\n'), statuses }
}

test('deletes what is past its end, and says how many, in one plain line', async () => {
  await fill(1500, 3)
  expect(await sojourn(['clearsessions'])).toMatchObject({ code: 0, out: '1500 sessions deleted.' })
  expect(await left()).toBe(3)
  expect((await sojourn(['clearsessions'])).out).toBe('0 sessions deleted.')
})

test('--dry-run counts only', async () => {
  await fill(1, 3)
  const { code, out } = await sojourn(['clearsessions', '--dry-run'])
  expect([code, out]).toEqual([0, '1 session past their end; nothing was deleted.'])
  expect(await left()).toBe(4)
})

test('on a terminal it shows how far it is, how fast, and how long it will take', async () => {
  await fill(2000, 0)
  const { statuses } = await sojourn(['clearsessions'], { watched: true })
  expect(statuses.some((line) => /^\d+ of 2000 deleted \(\d+ %\), \d+ a second, about \d+ s left$/.test(line))).toBe(
    true,
  )
  expect(statuses.at(-1)).toBe('')
})

test('interrupted it stops after a batch, says so, and can be run again', async () => {
  await fill(1500, 3)
  const { code, out } = await sojourn(['clearsessions'], { signal: AbortSignal.abort() })
  expect([code, out]).toEqual([130, 'Interrupted: 0 sessions deleted so far. Run it again to go on.'])
  expect((await sojourn(['clearsessions'])).out).toBe('1500 sessions deleted.')
})

test('a database that is not there is an error in words', async () => {
  const { code, err } = await sojourn(['clearsessions'], {
    env: { DATABASE_URL: 'postgres://u:hunter2@127.0.0.1:1/x' },
  })
  expect(code).toBe(1)
  expect(err).toContain("'db' did not answer within 3 s")
  expect(err).not.toContain('hunter2')
})

test('sessions in files need the secret key, for their ends are in what is signed', async () => {
  const env = { SESSION_ENGINE: 'file', SESSION_FILE_PATH: folder }
  expect((await sojourn(['clearsessions'], { env })).err).toContain('SECRET_KEY')
  expect(await sojourn(['clearsessions'], { env: { ...env, SECRET_KEY: 'k' } })).toMatchObject({ code: 0 })
})

test('sessions in files are counted and deleted; a file that cannot be read is told, and fails the command', async () => {
  const env = { SESSION_ENGINE: 'file', SESSION_FILE_PATH: folder, SECRET_KEY: 'k' }
  for (let i = 0; i < 5; i++) {
    const path = join(folder, `sessionid${String(i).padStart(32, 'a')}`)
    writeFileSync(path, '')
    utimesSync(path, 1, 1)
  }
  const dry = await sojourn(['clearsessions', '--dry-run'], { env })
  expect([dry.code, dry.out]).toEqual([0, '5 sessions past their end; nothing was deleted.'])
  const key = 'unreadable'.padEnd(32, 'x')
  writeFileSync(join(folder, `sessionid${key}`), '')
  truncateSync(join(folder, `sessionid${key}`), 2 ** 40)
  const told = await sojourn(['clearsessions'], { env, watched: true })
  expect([told.code, told.out]).toEqual([1, ''])
  expect(told.err).toContain('of the others 5 were deleted')
  expect(told.err).toContain('a file larger than any text (1 file)')
  expect(told.err).not.toContain(key)
  // The line that changes is not left standing before the error.
  expect(told.statuses.at(-1)).toBe('')
  expect(readdirSync(folder).filter((name) => name.startsWith('sessionid'))).toEqual([`sessionid${key}`])
})

test('check says what the engine promises', async () => {
  const promise = async (env: object): Promise<string> =>
    (await sojourn(['check'], { env: { SECRET_KEY: 'k', ...env } })).out
  expect(await promise({})).toContain('db: compare-and-set. That is: parallel writes are kept')
  expect(await promise({ SESSION_ENGINE: 'signed_cookies' })).toContain('a copied cookie lives on')
  expect(await promise({ SESSION_ENGINE: 'cache', CACHE_URL: 'locmem:' })).toContain('cache: compare-and-set')
  expect((await sojourn(['check'])).code).toBe(1)
})
