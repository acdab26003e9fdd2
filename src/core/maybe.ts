import type { MaybePromise } from './types.js'

export function isPromise<T>(value: MaybePromise<T>): value is Promise<T> {
  return typeof value === 'object' && value !== null && typeof (value as { then?: unknown }).then === 'function'
}

/** `next(value)` now if the value is here, later if it is promised. What answers at once costs no microtask. */
export function chain<T, U>(value: MaybePromise<T>, next: (value: T) => MaybePromise<U>): MaybePromise<U> {
  return isPromise(value) ? value.then(next) : next(value)
}

/** What `run` gives, or what `failed` makes of its failure. */
export function orElse<T>(run: () => MaybePromise<T>, failed: (error: unknown) => MaybePromise<T>): MaybePromise<T> {
  try {
    const value = run()
    return isPromise(value) ? value.catch(failed) : value
  } catch (error) {
    return failed(error)
  }
}

/** One after the other. */
export function inOrder(steps: readonly (() => MaybePromise<void>)[]): MaybePromise<void> {
  return steps.reduce<MaybePromise<void>>((before, step) => chain(before, step), undefined)
}
