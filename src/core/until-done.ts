import type { MaybePromise } from './types.js'

const TRIES = 30
const PAUSE = 1000

/** Tries something that a store refuses for the moment again and again for half a minute, until it says that it is done. Keeps no process alive. */
export async function untilDone(step: () => MaybePromise<boolean>): Promise<void> {
  for (let tries = 0; tries < TRIES; tries++) {
    await new Promise<void>((resolve) => {
      const timer: { unref?(): void } = setTimeout(resolve, PAUSE)
      timer.unref?.()
    })
    try {
      if (await step()) return
    } catch {
      // The next time.
    }
  }
}
