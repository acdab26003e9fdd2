import type { MaybePromise } from './types.js'

/** Someone who tries to log in. */
export interface LoginAttempt {
  /** The name that was given, normalised (NFKC, lower case), for several spellings may be one account; empty where none was. */
  readonly username: string
  /** The address that the request came from, where the runtime tells. */
  readonly address: string | undefined
  /** What the framework calls the request. */
  readonly request: object
}

/**
 * Slows down whoever guesses passwords: the setting `loginThrottle`. Count in `retryAfter`, before the password is looked at, so that many
 * attempts at once are many; a rate limiter that is shared by all processes does that in one step.
 *
 * @example
 * ```ts
 * import type { LoginThrottle } from 'sojourn/auth'
 * import { sojourn } from 'sojourn/express'
 *
 * const tries = new Map<string, number>() // of one process, and never emptied: an example
 * const loginThrottle: LoginThrottle = {
 *   retryAfter({ username, address }) {
 *     const key = `${username} ${address}`
 *     tries.set(key, (tries.get(key) ?? 0) + 1)
 *     return (tries.get(key) ?? 0) > 5 ? 60 : 0
 *   },
 *   succeeded: ({ username, address }) => void tries.delete(`${username} ${address}`),
 * }
 * sojourn({ secretKey: 'a long random text', loginThrottle })
 * ```
 */
export interface LoginThrottle {
  /** Seconds until this may be tried; 0 for now. */
  retryAfter(attempt: LoginAttempt): MaybePromise<number>
  failed?(attempt: LoginAttempt): MaybePromise<void>
  succeeded?(attempt: LoginAttempt): MaybePromise<void>
}
