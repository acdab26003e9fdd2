import { mkdtempSync, readFileSync, rmSync, symlinkSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { signedCodec } from 'sojourn/codecs/signed'
import { fileEngine } from 'sojourn/engines/file'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { need } from '../support/debian.js'
import { run } from '../support/run.js'
import { SECRET } from '../support/sites.js'

/** What must never become the name of a file. */
const HOSTILE: readonly string[] = [
  '../aaaaaaaaaaaa',
  '..%2faaaaaaaaaa',
  'aaaaaaaa/../../etc',
  '/etc/passwd',
  'aaaaaaaa\0aaaa',
  '\\\\server\\share',
  'C:aaaaaaaa',
  'CON',
  'NUL.aaaaaaaa',
  'aaaaaaaa\n',
  'ａａａａａａａａ',
  'aaaaaaaa_out_x1y2z3',
  'a'.repeat(5000),
  '',
]
const KEY = 'a'.repeat(32)
const traced = fileURLToPath(new URL('file-traced.ts', import.meta.url))
const record = { cells: new Map([['a', '1']]), expires: Date.now() + 60_000 }

let folder: string
beforeAll(async () => {
  folder = mkdtempSync(join(tmpdir(), 'sojourn-t12-'))
  // Once for tsx, which keeps what it has compiled in files, and may write them while we look.
  await run(process.execPath, ['--import', 'tsx', traced, 'hostile', folder, '[]'])
})
afterAll(() => rmSync(folder, { recursive: true }))

/** The system calls of a process that does this with the file engine, between the marks it sets. */
async function callsOf(doing: 'hostile' | 'save', more: readonly string[]): Promise<readonly string[]> {
  const log = join(folder, `${doing}.strace`)
  const args = ['-f', '-e', 'trace=file,fsync,fdatasync,write,close', '-s', '200', '-o', log]
  const program = [process.execPath, '--import', 'tsx', traced, doing, folder, JSON.stringify(more)]
  const { code, stderr } = await run('strace', [...args, ...program])
  if (code !== 0) throw new Error(`strace ended with ${code}: ${stderr}`)
  const lines = readFileSync(log, 'utf8').split('\n')
  const begun = lines.findIndex((line) => line.includes('/mark-begun'))
  const ended = lines.findIndex((line) => line.includes('/mark-ended'))
  if (begun < 0 || ended < begun) throw new Error('the marks are not in the log')
  return lines.slice(begun + 1, ended)
}

describe('T12: a session key as a path', () => {
  test.each(HOSTILE)('%j is no key, whatever is asked', async (key) => {
    const engine = fileEngine({ folder, codec: signedCodec({ secretKey: SECRET }) })
    expect(await engine.load(key)).toBeNull()
    expect(await engine.exists(key)).toBe(false)
    expect(await engine.create(key, record)).toBe('conflict')
    expect(await engine.save(key, record)).toBe('missing')
    expect(await engine.save(key, record, 'some version')).toBe('missing')
    expect(await engine.touch?.(key, record.expires)).toBe('missing')
    expect(await engine.delete(key)).toBe('missing')
  })

  test('a hostile key is refused before any system call', async ({ skip }) => {
    const missing = await need('strace')
    if (missing !== undefined) skip(missing)
    expect(await callsOf('hostile', HOSTILE)).toEqual([])
  })

  test('a link at the target is opened with O_NOFOLLOW, so that nothing elsewhere is read', async ({ skip }) => {
    const missing = await need('strace')
    if (missing !== undefined) skip(missing)
    const secret = join(folder, 'secret')
    writeFileSync(secret, signedCodec({ secretKey: SECRET }).encode(new Map([['user', '1']])))
    symlinkSync(secret, join(folder, `sessionid${'l'.repeat(32)}`))
    const engine = fileEngine({ folder, codec: signedCodec({ secretKey: SECRET }) })
    expect(engine.load('l'.repeat(32))).toBeNull()
    const opened = (await callsOf('hostile', ['l'.repeat(32)])).filter((line) => /\bopen(at)?\(/.test(line))
    expect(opened.length).toBeGreaterThan(0)
    for (const line of opened) expect(line).toMatch(/O_NOFOLLOW.*ELOOP/)
  })
})

test('a save is written and flushed before it is seen, and its name is flushed before it is answered', async ({
  skip,
}) => {
  const missing = await need('strace')
  if (missing !== undefined) skip(missing)
  const calls = await callsOf('save', [KEY])
  const at = (what: RegExp): number => calls.findIndex((line) => what.test(line))
  const last = (what: RegExp): number => calls.findLastIndex((line) => what.test(line))
  const order = [
    at(/open.*_new_.*O_EXCL.*0600/),
    at(/write\(\d+, "eyJ/),
    at(/fsync\(\d+/),
    at(/rename\(.*_new_.*_lock"/),
    at(/rename\(.*_lock\/.*sessionida/),
    at(/open.*O_DIRECTORY/),
    last(/fsync\(\d+/),
  ]
  expect(order).not.toContain(-1)
  expect(order).toEqual([...order].sort((a, b) => a - b))
  expect(calls.filter((line) => /fsync\(\d+/.test(line))).toHaveLength(2)
})
