import { isPromise } from '../../core/maybe.js'
import type { MaybePromise } from '../../core/types.js'

/** Whether a system call failed in one of these ways. */
export function isCode(error: unknown, ...codes: readonly string[]): boolean {
  return codes.includes((error as NodeJS.ErrnoException).code ?? '')
}

/** Does `work`, and `after` it however it ended. */
export function finishing<T>(work: () => MaybePromise<T>, after: () => void): MaybePromise<T> {
  let waits = false
  try {
    const result = work()
    waits = isPromise(result)
    return isPromise(result) ? result.finally(after) : result
  } finally {
    if (!waits) after()
  }
}

/** Does `work`. If a system call fails, the error tells which and how, but not for which file: its name holds a session's key. */
export function withoutNames<T>(work: () => T): T {
  try {
    const result = work()
    return isPromise(result) ? (result.catch(forgetNames) as T) : result
  } catch (error) {
    return forgetNames(error)
  }
}

function forgetNames(error: unknown): never {
  const { code, syscall } = error as NodeJS.ErrnoException
  throw syscall === undefined ? error : Object.assign(new Error(`${code} at ${syscall}`), { code, syscall })
}
