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

/** What helps where nothing listens. The command `check` says the same. */
export const NOBODY_THERE = 'Nothing answers there: is the server up, and are host and port right?'

/** How a connection was refused, by the system's words for it; `undefined` for any other failure. Of what else a driver says nothing is shown. */
export function refusal(error: unknown): string | undefined {
  for (let cause = error, i = 0; cause instanceof Error && i < 5; cause = cause.cause, i++) {
    const text = `${cause.message} ${String((cause as { code?: unknown }).code ?? '')}`
    const found =
      /(?:connect |getaddrinfo )?\b(?:ECONNREFUSED|ENOTFOUND|EAI_AGAIN|EHOSTUNREACH|ENETUNREACH)\b(?: [\w.:[\]-]+)?/.exec(
        text,
      )
    if (found !== null) return found[0]
  }
  return undefined
}
