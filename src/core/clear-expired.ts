import { ImproperlyConfigured, SojournError, StoreUnavailable } from '../errors.js'
import type { MaybePromise, SessionEngine, Sweep } from './types.js'

export interface ClearOptions {
  /** Only count. */
  readonly dryRun?: boolean
  /** Ends the work after the batch that is under way. */
  readonly signal?: AbortSignal
  /** Told of the progress, at most some ten times a second; asking for it costs a count at the beginning. */
  readonly onProgress?: (progress: Progress) => void
}

export interface Progress {
  readonly cleared: number
  /** How many there were to delete. */
  readonly total: number
  /** Seconds since the beginning. */
  readonly seconds: number
}

/** A sweep that may go far between two that are over, holds something meanwhile, and may meet what it cannot look at. */
export interface LongSweep extends Sweep {
  /** Stopped by the signal, it is how many were counted so far. */
  count(signal?: AbortSignal): MaybePromise<number>
  /** Less than `limit`, or none at all, where the signal stopped it. */
  next(limit: number, signal?: AbortSignal): MaybePromise<number>
  /** Lets go of what it holds, and tells what was passed over; `null` if nothing. Its message holds no key. */
  end?(): MaybePromise<Error | null>
}

const FIRST_BATCH = 200
const LARGEST_BATCH = 5000
/**
 * How many milliseconds a batch should take, and how many times as long the pause after it is. A store in this process is a file with one
 * writer at a time: whoever comes meanwhile waits for the whole batch, and longer, for SQLite asks again only now and then.
 */
const PACE = { server: { batch: 8, pause: 2 }, file: { batch: 2, pause: 3 } } as const
type Pace = (typeof PACE)[keyof typeof PACE]
/** A pause is at most so long, in milliseconds: a batch may have looked at a million living sessions to find one that is over. */
const LONGEST_PAUSE = 1000
const REPORT_EVERY = 100

/**
 * Deletes what is past its end in small batches, each followed by a pause longer than it took itself, so that visitors have most of the
 * store. Returns how many were deleted (with `dryRun`: how many would be). May be stopped and begun again, and run twice at once. What
 * fails for single sessions keeps none of the others, and is an error when they are done.
 */
export async function clearExpired(engine: SessionEngine, now: number, options: ClearOptions = {}): Promise<number> {
  return unavailable(engine, async () => {
    if (options.dryRun && engine.sweep === undefined && engine.clearExpired !== undefined) {
      throw new ImproperlyConfigured(
        `The session store '${engine.name}' cannot count what is past its end: its engine has no sweep.`,
      )
    }
    const sweep: LongSweep = engine.sweep?.(now) ?? atOnce(engine)
    let done = 0
    let passedOver: Error | null = null
    try {
      done = await run(sweep, PACE[engine.synchronous ? 'file' : 'server'], options)
    } finally {
      passedOver = (await sweep.end?.()) ?? null
    }
    // Who stopped it wants to know how far it came, and meets the same next time.
    if (passedOver === null || options.signal?.aborted) return done
    throw new StoreUnavailable(
      `The session store '${engine.name}' failed for some sessions; of the others ${done} ${options.dryRun ? 'are past their end' : 'were deleted'}.`,
      { cause: passedOver },
    )
  })
}

/** Forgets what stands beside the sessions and is past its end, as `clearExpired` deletes them. */
export async function clearBeside(
  engine: SessionEngine,
  sweeps: readonly (Sweep | undefined)[],
  signal?: AbortSignal,
): Promise<void> {
  for (const sweep of sweeps) {
    if (sweep === undefined) continue
    await unavailable(engine, () => run(sweep, PACE[engine.synchronous ? 'file' : 'server'], { signal }))
  }
}

async function unavailable<T>(engine: SessionEngine, work: () => Promise<T>): Promise<T> {
  try {
    return await work()
  } catch (cause) {
    if (cause instanceof SojournError) throw cause
    throw new StoreUnavailable(`The session store '${engine.name}' failed while expired sessions were deleted.`, {
      cause,
    })
  }
}

async function run(sweep: LongSweep, pace: Pace, { dryRun, signal, onProgress }: ClearOptions): Promise<number> {
  if (dryRun) return sweep.count(signal)
  const report = onProgress === undefined ? null : await reporter(onProgress, sweep.count(signal))
  return inBatches((limit) => sweep.next(limit, signal), pace, signal, report)
}

/** The one batch of an engine that knows no smaller ones; none where the store forgets by itself. */
function atOnce(engine: SessionEngine): LongSweep {
  let isDone = engine.clearExpired === undefined
  return {
    count: () => 0,
    next: () => {
      if (isDone) return 0
      isDone = true
      return engine.clearExpired?.() ?? 0
    },
  }
}

async function inBatches(
  next: (limit: number) => MaybePromise<number>,
  pace: Pace,
  signal: AbortSignal | undefined,
  report: ((cleared: number, isLast: boolean) => void) | null,
): Promise<number> {
  let cleared = 0
  let limit = FIRST_BATCH
  while (signal?.aborted !== true) {
    const began = performance.now()
    const rows = await next(limit)
    const took = performance.now() - began
    if (rows === 0) break
    cleared += rows
    report?.(cleared, false)
    if (took > pace.batch * 2) limit = Math.max(Math.floor(limit / 2), 1)
    else if (took < pace.batch / 2) limit = Math.min(limit * 2, LARGEST_BATCH)
    await new Promise((resolve) => setTimeout(resolve, Math.min(Math.max(took * pace.pause, 1), LONGEST_PAUSE)))
  }
  report?.(cleared, true)
  return cleared
}

async function reporter(
  onProgress: (progress: Progress) => void,
  counted: MaybePromise<number>,
): Promise<(cleared: number, isLast: boolean) => void> {
  const total = await counted
  const began = performance.now()
  let last = Number.NEGATIVE_INFINITY
  return (cleared, isLast) => {
    const now = performance.now()
    if (!isLast && now - last < REPORT_EVERY) return
    last = now
    onProgress({ cleared, total: Math.max(total, cleared), seconds: (now - began) / 1000 })
  }
}
