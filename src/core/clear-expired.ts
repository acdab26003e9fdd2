import { SojournError, StoreUnavailable } from '../errors.js'
import type { MaybePromise, SessionEngine } from './types.js'

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

const FIRST_BATCH = 200
const LARGEST_BATCH = 5000
/**
 * How many milliseconds a batch should take, and how many times as long the pause after it is. A store in this process is a file with one
 * writer at a time: whoever comes meanwhile waits for the whole batch, and longer, for SQLite asks again only now and then.
 */
const PACE = { server: { batch: 8, pause: 2 }, file: { batch: 2, pause: 3 } } as const
const REPORT_EVERY = 100

/**
 * Deletes what is past its end in small batches, each followed by a pause longer than it took itself, so that visitors have most of the
 * store. Returns how many were deleted (with `dryRun`: how many would be). May be stopped and begun again, and run twice at once.
 */
export async function clearExpired(engine: SessionEngine, now: number, options: ClearOptions = {}): Promise<number> {
  try {
    const sweep = engine.sweep?.(now)
    if (sweep === undefined) return options.dryRun ? 0 : ((await engine.clearExpired?.()) ?? 0)
    if (options.dryRun) return await sweep.count()
    const report = options.onProgress === undefined ? null : await reporter(options.onProgress, sweep.count())
    const pace = PACE[engine.synchronous ? 'file' : 'server']
    return await inBatches((limit) => sweep.next(limit), pace, options.signal, report)
  } catch (cause) {
    if (cause instanceof SojournError) throw cause
    throw new StoreUnavailable(`The session store '${engine.name}' failed while expired sessions were deleted.`, {
      cause,
    })
  }
}

async function inBatches(
  next: (limit: number) => MaybePromise<number>,
  pace: { readonly batch: number; readonly pause: number },
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
    await new Promise((resolve) => setTimeout(resolve, Math.max(took * pace.pause, 1)))
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
