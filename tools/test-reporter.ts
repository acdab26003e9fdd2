import { existsSync } from 'node:fs'
import type { Reporter, TestModule, TestRunEndReason, Vitest } from 'vitest/node'

/**
 * Says at the very end how many tests passed, failed and were skipped. A skip is for machines that cannot have what a
 * test needs; on Debian as root everything can be installed, so there a skipped test fails the run.
 */
export class TestReporter implements Reporter {
  readonly #mayHaveSkips: boolean
  #named = false

  constructor(mayHaveSkips: boolean = !isDebianRoot()) {
    this.#mayHaveSkips = mayHaveSkips
  }

  onInit(vitest: Vitest): void {
    // `vitest -t name` skips all others because it was asked to.
    this.#named = vitest.config.testNamePattern !== undefined
  }

  onTestRunEnd(modules: readonly TestModule[], errors: readonly unknown[], _reason?: TestRunEndReason): void {
    const tests = modules.flatMap((module) => [...module.children.allTests()])
    const count = (state: string): number => tests.filter((test) => test.result().state === state).length
    const skipped = count('skipped')
    if (skipped > 0 && !this.#mayHaveSkips && !this.#named) {
      process.exitCode = 1
      for (const test of tests) {
        if (test.result().state === 'skipped') console.error(`skipped: ${test.module.moduleId} > ${test.fullName}`)
      }
      console.error('Skipped tests fail the run here: this is Debian as root, where all they need can be installed.')
    }
    const failed = count('failed') + modules.filter((module) => module.errors().length > 0).length + errors.length
    console.log(`\nTests: ${count('passed')} passed, ${failed} failed, ${skipped} skipped`)
  }
}

function isDebianRoot(): boolean {
  return process.getuid?.() === 0 && existsSync('/etc/debian_version')
}
