import { expect, test } from 'vitest'
import { run } from './run.js'
import { runtime, runtimeNames, runtimes } from './runtimes.js'

test.each(runtimeNames)(
  '%s is there, in the version that is pinned',
  async (name) => {
    const paths = await Promise.all([runtime(name), runtime(name)])
    expect(paths[1]).toBe(paths[0])
    const { code, stdout } = await run(paths[0] as string, ['--version'])
    expect(code).toBe(0)
    // workerd tells its day: 1.20261117.1 is 2026-11-17.
    expect(stdout.replaceAll('-', '')).toContain(runtimes[name].version.replace(/^1\.(\d{8})\.\d+$/, '$1'))
  },
  300_000,
)
