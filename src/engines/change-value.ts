import type { Cache } from '../caches/cache.js'
import { StoreAnswered } from '../core/answer.js'
import { chain } from '../core/maybe.js'
import { Turns } from '../core/turns.js'
import type { MaybePromise } from '../core/types.js'
import { StoreUnavailable } from '../errors.js'

const TRIES = 50

/** What a value becomes; `null` for nothing. */
export type Changed = { readonly text: string; readonly expires: number } | null

type Change = (before: string | null) => Changed

/** Who changes a value in this process waits for the others: they would only make each other look again. */
const turnsIn = new WeakMap<Cache, Turns>()

/**
 * Changes a value that several may change at once: it is replaced only by whoever has seen what it was, who else looks again. `change` may
 * therefore be asked several times. Throws `StoreUnavailable` where other processes are always faster.
 */
export function changeValue(cache: Cache, key: string, change: Change): MaybePromise<void> {
  if (cache.synchronous) return tryToChange(cache, key, change)
  const turns = turnsIn.get(cache) ?? new Turns()
  turnsIn.set(cache, turns)
  return turns.take(key, async () => tryToChange(cache, key, change), true)
}

function tryToChange(cache: Cache, key: string, change: Change, tries = 1): MaybePromise<void> {
  if (tries > TRIES) {
    const message = 'A value is changed by others all the time.'
    throw new StoreUnavailable(message, { cause: new StoreAnswered(message) })
  }
  return chain(cache.get(key), (cached) => {
    const after = change(cached === null ? null : new TextDecoder().decode(cached.value))
    if (after === null && cached === null) return
    return chain(stored(cache, key, after, cached?.version), (isDone) =>
      isDone ? undefined : chain(pause(tries), () => tryToChange(cache, key, change, tries + 1)),
    )
  })
}

/** `version`: of what is there; `undefined` where nothing is. */
function stored(cache: Cache, key: string, after: Changed, version: unknown): MaybePromise<boolean> {
  if (after === null) return chain(cache.delete(key, version), (outcome) => outcome === 'deleted')
  const bytes = new TextEncoder().encode(after.text)
  const done =
    version === undefined ? cache.add(key, bytes, after.expires) : cache.replace(key, bytes, after.expires, version)
  return chain(done, (outcome) => typeof outcome === 'object')
}

/** Milliseconds: the more others there are, the longer each waits at most, so that some of them pass while the rest does. */
function pause(tries: number): MaybePromise<void> {
  if (tries === 1) return
  return new Promise((resolve) => setTimeout(resolve, Math.random() * Math.min(2 ** tries, 64)))
}
