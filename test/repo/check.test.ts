import { existsSync } from 'node:fs'
import { join } from 'node:path'
import { expect, test, vi } from 'vitest'
import { runSteps, type Steps } from '../../tools/check.js'
import { runTool, tree } from './tree.js'

const node = (code: string): readonly [string, ...string[]] => [process.execPath, '-e', code]

test('a step that fails is told, and those after it run all the same', () => {
  vi.spyOn(console, 'log').mockImplementation(() => {})
  const root = tree({ 'a.txt': '' })
  const mark = join(root, 'ran')
  const steps: Steps = {
    first: node('process.exit(1)'),
    gone: [join(root, 'no-such-command')],
    last: node(`fs.writeFileSync(${JSON.stringify(mark)}, '')`),
  }
  expect(runSteps(steps)).toEqual(['first', 'gone'])
  expect(existsSync(mark)).toBe(true)
  expect(runSteps(steps, ['last'])).toEqual([])
  vi.restoreAllMocks()
})

test('a step that does not exist is an error, not a pass', () => {
  const { status, stderr } = runTool('check', 'tipes')
  expect({ status, stderr }).toEqual({ status: 2, stderr: expect.stringContaining('no step is called tipes') })
})
