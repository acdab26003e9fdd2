import type { Framework, Module, StoreName } from './subjects/index.js'

/** One subject under one workload in one round. */
export interface Measurement {
  readonly round: number
  readonly subject: string
  readonly workload: string
  /** Requests answered per second. */
  readonly rate: number
  /** CPU microseconds of the subject's process per request. */
  readonly cpu: number
  /** Milliseconds. */
  readonly p50: number
  readonly p99: number
  readonly wrong: number
  /** How long the fixed piece of work took on the subject's cpu, before or after, whichever took longer: milliseconds. */
  readonly calibration: number
  /** Of the load generator's cpu. */
  readonly busy: number
}

/** What a subject does for one request of a workload; counted, not timed. */
export interface Count {
  readonly subject: string
  readonly workload: string
  readonly requests: number
  /** Store operations over all these requests. */
  readonly operations: Readonly<Record<string, number>>
  /** Answers that set a cookie, and answers that told caches to look at it. */
  readonly setCookie: number
  readonly vary: number
}

/** What became of the counts of several clients of one session, each under a key of its own. */
export interface Lost {
  readonly subject: string
  /** How often they counted. */
  readonly of: number
  readonly lost: number
}

/** Everything that one run found, as it is kept in `bench/results/`. */
export interface Results {
  readonly date: string
  readonly machine: {
    readonly cpu: string
    readonly cpus: number
    readonly os: string
    readonly node: string
    /** Subject and load generator each had a cpu of their own. */
    readonly pinned: boolean
  }
  readonly versions: Readonly<Record<string, string>>
  readonly options: {
    readonly rounds: number
    readonly ms: number
    readonly warm: number
    readonly connections: number
    readonly sessions: number
  }
  readonly subjects: readonly {
    readonly name: string
    readonly framework: Framework
    readonly store: StoreName | null
    /** Not in the oldest files. */
    readonly module?: Module
  }[]
  readonly workloads: readonly { readonly name: string; readonly title: string }[]
  readonly counts: readonly Count[]
  /** Not in the oldest files. */
  readonly lost?: readonly Lost[]
  readonly measurements: readonly Measurement[]
}
