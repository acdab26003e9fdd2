import { afterAll, beforeAll, expect, test } from 'vitest'
import type { RuntimeName } from '../support/runtimes.js'
import { type Column, columnsFor, runColumn } from './matrix.js'
import { makeProject, type Project } from './project.js'
import { quickCounts } from './quick.js'
import { nameOf, tableOf } from './table.js'

/**
 * Every claim of the contract holds in every adapter on this runtime, or in those that are named: between versions of Node little changes, and
 * `npm run matrix` has them all. One file for each runtime, so that they run beside each other.
 */
export function claimsOn(runtime: RuntimeName, names?: readonly string[]): void {
  let project: Project
  beforeAll(async () => {
    project = await makeProject()
  }, 120_000)
  afterAll(() => project?.remove())

  const isWanted = ({ adapter, runtime: on }: Column): boolean =>
    on === runtime && (names?.includes(adapter.name) ?? true)
  for (const column of columnsFor([]).filter(isWanted)) {
    test(nameOf(column), async () => {
      const result = await runColumn(project, column, quickCounts)
      const failed = [...result.cells].flatMap(([claim, { state }]) => (state === 'failed' ? [claim] : []))
      expect(failed, tableOf(failed, [result])).toEqual([])
    }, 600_000)
  }
}
