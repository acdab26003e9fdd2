import { expect, test } from 'vitest'
import { run } from '../support/run.js'

function oracle(...args: readonly string[]) {
  return run(process.execPath, ['--import', 'tsx', 'test/oracles/run.ts', ...args])
}

test.each([
  [['A', 'memory', '--ops', 'abc'], "--ops is a whole number from 1, not 'abc'"],
  [['A', 'memory', '--ops', '0'], "--ops is a whole number from 1, not '0'"],
  [['A', 'memory', '--clients', '1e3'], "--clients is a whole number from 1, not '1e3'"],
  [['kill', 'redis', '--kills', '-1'], '--kills'],
  [['A', 'memory', '--seed', ''], "--seed is a whole number from 0, not ''"],
  [['A,Q', 'memory'], "There is no oracle 'Q'"],
  [['A', 'memory', 'nosuch'], "There is no store 'nosuch'"],
  [['A', 'all', 'redsi'], "There is no store 'redsi'; did you mean redis?"],
  [['A', 'sqlite', '--break', 'lots'], "There is no breakage 'lots'; did you mean lost?"],
  [['A', 'memory', '--opps', '5'], '--opps'],
  [[], 'Name an oracle'],
  [['A'], 'Name a store'],
])('what is not understood is an error that names it: %j', { timeout: 30_000 }, async (args, words) => {
  const { code, stdout, stderr } = await oracle(...args)
  expect([code, stdout]).toEqual([2, ''])
  expect(stderr).toContain(words)
  expect(stderr).toContain('usage: npm run oracle')
})

test('what is understood is done', { timeout: 60_000 }, async () => {
  const { code, stdout } = await oracle('A', 'memory', '--ops', '20')
  expect([code, stdout]).toEqual([0, expect.stringMatching(/^lost 0 of [1-9]/)])
})
