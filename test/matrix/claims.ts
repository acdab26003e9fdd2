import { afterAll, beforeAll, expect, test } from 'vitest'
import type { RuntimeName } from '../support/runtimes.js'
import { type Column, columnsFor, runColumn } from './matrix.js'
import { makeProject, type Project } from './project.js'
import { quickColumns, quickCounts } from './quick.js'
import { nameOf, tableOf } from './table.js'

/** Every claim of the contract holds in the adapters that are tried on this runtime. One file for each, so that they run beside each other. */
export function claimsOn(runtime: RuntimeName): void {
  let project: Project
  beforeAll(async () => {
    project = await makeProject()
  }, 120_000)
  afterAll(() => project?.remove())

  const isWanted = ({ adapter, runtime: on }: Column): boolean =>
    on === runtime && quickColumns[runtime].includes(adapter.name)
  for (const column of columnsFor([]).filter(isWanted)) {
    test(nameOf(column), async () => {
      const result = await runColumn(project, column, quickCounts)
      const failed = [...result.cells].flatMap(([claim, { state }]) => (state === 'failed' ? [claim] : []))
      expect(failed, tableOf(failed, [result])).toEqual([])
    }, 600_000)
  }
}
