import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { mkdtempSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { describe, expect, test } from 'vitest'
import { openDatabase } from '../../src/databases/open.js'
import { makeTables } from '../../src/tables.js'
import { codeBlocks } from '../../tools/code-blocks.js'
import { repositoryRoot } from '../../tools/report.js'
import { visit } from '../docs/run-snippet.js'
import { triesAbove } from '../docs/snippets.js'
import { runtime } from '../support/runtimes.js'
import { missingServer, startPostgres } from '../support/servers/index.js'
import { freePort } from '../support/servers/port.js'
import { bundle } from './bundle.js'
import { startWorkers } from './miniflare.js'

/** Milliseconds that an example may take, with all that it starts, where others work too. */
const LIMIT = 120_000

// The examples of this page, each in the runtime that it is for. Those for Node run with the rest of the guide.

const FILE = 'docs/guide/runtimes.md'
const page = readFileSync(join(repositoryRoot, FILE), 'utf8')
const sql = /^```sql\n(.*?)^```/ms.exec(page)?.[1] ?? ''
const blocks = codeBlocks(repositoryRoot).filter(({ file }) => file === FILE)
const blocksFor = (word: string) => blocks.filter(({ words }) => words.includes(word))
const missing = await missingServer('postgres')

test('every example says in which runtime it runs', () => {
  const words = ['workers', 'bun', 'deno']
  const others = blocks.filter(
    (block) => block.words.includes('nocheck') && !block.words.some((w) => words.includes(w)),
  )
  expect(others).toEqual([])
  expect(words.map((word) => blocksFor(word).length)).toEqual([4, 1, 1])
})

describe('on Workers', () => {
  const examples = blocksFor('workers').map((block) => [`${FILE}:${block.line}`, block] as const)
  test.for(examples)('%s', { timeout: LIMIT }, async ([, block], { skip }) => {
    const needsPostgres = block.words.includes('postgres')
    skip(needsPostgres && missing !== undefined, missing)
    const tries = triesAbove(page.split('\n'), block)
    expect(tries.length).toBeGreaterThan(0)
    await using server = needsPostgres ? await startPostgres() : null
    if (server !== null) await migrate(server.url)
    using program = await bundle(block, 'workers')
    const objects = block.code.includes('SessionObject')
    await using workers = await startWorkers(program.path, { postgres: server?.url, objects, sql: uncommented(sql) })
    await visit(workers.origin, tries)
  })
})

const ARGUMENTS = { bun: [], deno: ['run', '--allow-net', '--allow-env', '--allow-read', '--allow-write'] } as const

describe.each(['bun', 'deno'] as const)('on %s', (name) => {
  test.each(blocksFor(name).map((block) => [`${FILE}:${block.line}`, block] as const))(
    '%s',
    { timeout: LIMIT },
    async (_, block) => {
      const tries = triesAbove(page.split('\n'), block)
      expect(tries.length).toBeGreaterThan(0)
      using program = await bundle(block, 'server')
      const cwd = mkdtempSync(join(tmpdir(), 'sojourn-guide-'))
      const port = await freePort()
      const env = {
        ...process.env,
        PORT: String(port),
        SECRET_KEY: 'a secret of the tests, of more than fifty characters',
      }
      const child = spawn(await runtime(name), [...ARGUMENTS[name], program.path], { cwd, env, stdio: 'inherit' })
      try {
        const origin = `http://127.0.0.1:${port}`
        await expect
          .poll(
            () =>
              fetch(origin).then(
                () => true,
                () => false,
              ),
            { timeout: 20_000 },
          )
          .toBe(true)
        await visit(origin, tries)
      } finally {
        child.kill()
        if (child.exitCode === null) await once(child, 'exit')
        rmSync(cwd, { recursive: true })
      }
    },
  )
})

test('the tables of the page are those that site.migrate() makes', async () => {
  const tables = (statements: string): unknown => {
    const database = openDatabase('sqlite::memory:', { useTz: true, timeZone: 'UTC' })
    if (statements === '') void makeTables(database)
    else void database.execute(statements)
    const rows = database.prepare('SELECT type, name, sql FROM sqlite_master ORDER BY name').all()
    void database.close()
    return rows
  }
  expect(tables(sql)).toEqual(tables(''))
})

/** D1 takes each line for a statement. */
function uncommented(statements: string): string {
  return statements
    .split('\n')
    .filter((line) => line !== '' && !line.startsWith('--'))
    .join('\n')
}

async function migrate(url: string): Promise<void> {
  const database = openDatabase(url, { useTz: true, timeZone: 'UTC' })
  await makeTables(database)
  await database.close()
}
