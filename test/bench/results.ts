import type { Measurement, Results } from '../../bench/results.js'

export const BARE = 'node:http, bare'
export const SOJOURN = 'node:http, sojourn, memory'

/** One measurement of the workload `read`, on a machine that nothing slows. */
export function measurement(round: number, subject: string, given: Partial<Measurement> = {}): Measurement {
  const usual = { rate: 1000, cpu: 10, p50: 1, p99: 2, wrong: 0, calibration: 10, busy: 0.5 }
  return { round, subject, workload: 'read', ...usual, ...given }
}

/** A run that measured this of the bare server and of sojourn. */
export function resultsOf(measurements: readonly Measurement[]): Results {
  return {
    date: '2025-03-01T12:00:00.000Z',
    machine: { cpu: 'a cpu', cpus: 2, os: 'an os', node: 'v20.0.0', pinned: true },
    versions: { sojourn: '0.1.0' },
    options: { rounds: 1, ms: 1000, warm: 500, connections: 32, sessions: 256 },
    subjects: [
      { name: BARE, framework: 'node', store: null },
      { name: SOJOURN, framework: 'node', store: 'memory' },
    ],
    workloads: [{ name: 'read', title: 'read' }],
    counts: [
      { subject: SOJOURN, workload: 'read', requests: 20, operations: { load: 20 }, setCookie: 0, vary: 20 },
      { subject: BARE, workload: 'read', requests: 20, operations: {}, setCookie: 0, vary: 0 },
    ],
    measurements,
  }
}
