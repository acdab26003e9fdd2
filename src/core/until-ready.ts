import { StoreUnavailable } from '../errors.js'

/** Milliseconds between two questions. */
const PAUSE = 100

/**
 * Asks a store until it answers, as a program that begins may: its driver is still to be loaded and its connections to be made, and no visitor
 * waits yet. Throws the last `StoreUnavailable`; any other error at once.
 */
export async function untilReady<T>(ask: () => T | Promise<T>, seconds: number): Promise<T> {
  const end = performance.now() + seconds * 1000
  for (;;) {
    try {
      return await ask()
    } catch (error) {
      if (!(error instanceof StoreUnavailable) || performance.now() >= end) throw error
      await new Promise((resolve) => setTimeout(resolve, PAUSE))
    }
  }
}
