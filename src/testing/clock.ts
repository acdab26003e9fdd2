import type { Clock } from '../core/types.js'

/** A clock that stands still until it is turned. Hand it to a site as the `clock` setting. */
export interface TestClock extends Clock {
  /** Moves on by so many seconds; negative numbers move back. */
  turn(seconds: number): void
  /** Shows this moment from now on. */
  show(moment: Date | string | number): void
}

/**
 * A clock one turns, so that no test sleeps.
 *
 * @example
 * ```ts
 * import { testClock } from 'sojourn/testing'
 *
 * const clock = testClock('2026-01-01T00:00:00Z')
 * clock.turn(3600)
 * console.log(new Date(clock()).toISOString()) // 2026-01-01T01:00:00.000Z
 * ```
 */
export function testClock(start: Date | string | number = '2026-01-01T00:00:00Z'): TestClock {
  let now = momentOf(start)
  return Object.assign(() => now, {
    turn(seconds: number): void {
      now += seconds * 1000
    },
    show(moment: Date | string | number): void {
      now = momentOf(moment)
    },
  })
}

function momentOf(moment: Date | string | number): number {
  const ms = new Date(moment).getTime()
  if (Number.isNaN(ms)) throw new RangeError('A test clock was given a moment that is no valid date.')
  return ms
}
