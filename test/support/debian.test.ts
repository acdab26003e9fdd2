import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { expect, test } from 'vitest'
import { mayInstall, need, programPath } from './debian.js'
import { withLock } from './lock.js'
import { run } from './run.js'

test.skipIf(programPath('dpkg-query') === undefined)('a package that is there is not asked for', async () => {
  expect(await need('dpkg', { install: false })).toBeUndefined()
})

test('a package that may not be installed is told, with the command that would', async () => {
  expect(await need(['no-such-package', 'nor-this'], { install: false })).toBe(
    'not installed: no-such-package, nor-this (Debian: apt-get install no-such-package nor-this)',
  )
})

test.skipIf(!mayInstall())('a package that could not be installed is an error, not a skipped test', async () => {
  await expect(need('no-such-package')).rejects.toThrow('Unable to locate package no-such-package')
})

test('a program that does not exist has no path and ends without a code', async () => {
  expect(programPath('no-such-program')).toBeUndefined()
  expect(await run('no-such-program', [])).toMatchObject({ code: null, stderr: expect.stringContaining('ENOENT') })
})

test('nobody else works while one holds the lock, and a failure lets go of it', async () => {
  const folder = await mkdtemp(join(tmpdir(), 'sojourn-test-'))
  const file = join(folder, 'lock')
  let inside = 0
  const work = async (): Promise<number> => {
    inside += 1
    await new Promise((resolve) => setImmediate(resolve))
    const seen = inside
    inside -= 1
    return seen
  }
  const fail = (): Promise<number> => Promise.reject(new Error('on purpose'))
  await expect(withLock(file, fail)).rejects.toThrow('on purpose')
  expect(await Promise.all([withLock(file, work), withLock(file, work), withLock(file, work)])).toEqual([1, 1, 1])
  await rm(folder, { recursive: true })
})
