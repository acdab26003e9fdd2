import { join } from 'node:path'
import { defineConfig } from 'vitest/config'
import { repositoryRoot } from './tools/report.js'
import { readManifest, subpaths } from './tools/subpaths.js'
import { TestReporter } from './tools/test-reporter.js'

/** Tests import `sojourn` and its subpaths as users do, and get the sources. */
const alias = subpaths(readManifest(repositoryRoot)).map(({ specifier, source }) => ({
  find: new RegExp(`^${specifier.replaceAll('*', '([^/]+)')}$`),
  replacement: join(repositoryRoot, source).replaceAll('*', '$1'),
}))

export default defineConfig({
  resolve: { alias },
  test: {
    include: ['test/**/*.test.ts'],
    pool: 'forks',
    // Vitest leaves a core free; on two cores that is half of them. Most tests wait for a server anyway.
    maxWorkers: '100%',
    testTimeout: 30_000,
    hookTimeout: 60_000,
    // Refused forms are printed where nobody listens, and most tests that have one refused do not.
    onConsoleLog: (line) => !/^(?:sojourn: (?:Forbidden|Would be forbidden) \(.*\n?)+$/.test(line),
    reporters: ['default', new TestReporter()],
  },
})
