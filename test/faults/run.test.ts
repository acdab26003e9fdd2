import { expect, test } from 'vitest'
import { run } from '../support/run.js'
import { Tally } from './outcomes.js'
import { faultsOf, linesOf } from './report.js'
import type { Finding } from './trial.js'

function faults(...args: readonly string[]) {
  return run(process.execPath, ['--import', 'tsx', 'test/faults/run.ts', ...args])
}

test.each([
  [['redis', 'pause', '--seconds', 'five'], "--seconds is a number above 0, not 'five'"],
  [['redis', 'pause', '--seconds', '0'], "--seconds is a number above 0, not '0'"],
  [['redis,mongo', 'pause'], "There is no store 'mongo'"],
  [['redis', 'pause,pasue'], "There is no fault 'pasue'; did you mean pause?"],
  [['redis', 'pause', 'kill'], "'kill' is one too many"],
  [['redis', 'pause', '--second', '5'], '--second'],
  [[], 'Name a store'],
  [['redis'], 'Name a fault'],
])('what is not understood is an error that names it: %j', { timeout: 30_000 }, async (args, words) => {
  const { code, stdout, stderr } = await faults(...args)
  expect([code, stdout]).toEqual([2, ''])
  expect(stderr).toContain(words)
  expect(stderr).toContain('usage: npm run faults')
})

test('a fault that a store cannot have is told, and none was tried', { timeout: 30_000 }, async () => {
  const { code, stdout } = await faults('file', 'pause,cut')
  expect(code).toBe(1)
  expect(stdout).toBe('file pause: it cannot fail so; it has full\nfile cut: it cannot fail so; it has full\n')
})

const SOUND: Finding = {
  tally: new Tally(),
  recovery: 10,
  lastError: 0,
  connects: 1,
  lag: 0,
  hasCrashed: false,
  complaints: '',
}

test('a store that is never back is a fault, as what is forbidden is', () => {
  expect(faultsOf(SOUND)).toBe(0)
  const never = { ...SOUND, recovery: Number.POSITIVE_INFINITY }
  expect(faultsOf(never)).toBe(1)
  expect(linesOf(never).join('\n')).toMatch(/back after never[\s\S]*no page was good again/)
  expect(faultsOf({ ...SOUND, hasCrashed: true, complaints: 'x' })).toBe(2)
})
