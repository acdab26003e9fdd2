import type { Cache } from '../../caches/cache.js'
import { StoreAnswered } from '../../core/answer.js'
import { chain } from '../../core/maybe.js'
import type { Clock, IndexEntry, MaybePromise, SessionIndex } from '../../core/types.js'
import { StoreUnavailable } from '../../errors.js'
import { base64url, saltedHmac } from '../../wire/crypto.js'

/** The most sessions noted of one user; past it the one seen longest ago has to go. */
const MOST = 1000
/** What was noted of an end may be older than the session by what a session is noted anew after. */
const SLACK = 120_000
const TRIES = 50
const PLAIN_ID = /^[A-Za-z0-9-]{1,60}$/

/** The index in a cache: one value for each user, a JSON list, replaced only by whoever has seen what it was. */
export class CacheIndex implements SessionIndex {
  readonly #cache: Cache
  readonly #prefix: string
  readonly #clock: Clock

  /** `prefix` stands before each key, as Django's `KEY_PREFIX:VERSION:`. */
  constructor(cache: Cache, prefix: string, clock: Clock = Date.now) {
    this.#cache = cache
    this.#prefix = `${prefix}sojourn.user`
    this.#clock = clock
  }

  put(entry: IndexEntry): MaybePromise<readonly string[]> {
    let gone: readonly string[] = []
    const noted = this.#change(
      entry.user,
      (entries) => {
        const all = [...entries.filter(({ key }) => key !== entry.key), entry].toSorted((a, b) => a.seen - b.seen)
        gone = all.slice(0, -MOST).map(({ key }) => key)
        return all.slice(-MOST)
      },
      1,
    )
    return chain(noted, () => gone)
  }

  of(user: string): MaybePromise<readonly IndexEntry[]> {
    return chain(this.#cache.get(this.#keyOf(user)), (cached) =>
      cached === null ? [] : read(cached.value, user).filter((entry) => this.#isKept(entry)),
    )
  }

  remove(user: string, keys: readonly string[]): MaybePromise<void> {
    const gone = new Set(keys)
    return this.#change(user, (entries) => entries.filter(({ key }) => !gone.has(key)), 1)
  }

  #change(
    user: string,
    change: (entries: readonly IndexEntry[]) => readonly IndexEntry[],
    tries: number,
  ): MaybePromise<void> {
    if (tries > TRIES) {
      const message = "The list of a user's sessions is changed by others all the time."
      throw new StoreUnavailable(message, { cause: new StoreAnswered(message) })
    }
    const key = this.#keyOf(user)
    return chain(this.#cache.get(key), (cached) => {
      const before = cached === null ? [] : read(cached.value, user)
      const after = change(before.filter((entry) => this.#isKept(entry)))
      if (cached === null && after.length === 0) return
      const value = new TextEncoder().encode(JSON.stringify(after))
      const end = Math.max(0, ...after.map(({ expires }) => expires)) + SLACK
      const done =
        cached === null
          ? this.#cache.add(key, value, end)
          : after.length === 0
            ? this.#cache.delete(key, cached.version)
            : this.#cache.replace(key, value, end, cached.version)
      return chain(done, (outcome) =>
        typeof outcome === 'object' || outcome === 'deleted' ? undefined : this.#change(user, change, tries + 1),
      )
    })
  }

  #isKept({ expires }: IndexEntry): boolean {
    return expires + SLACK > this.#clock()
  }

  #keyOf(user: string): string {
    return `${this.#prefix}:${PLAIN_ID.test(user) ? user : `_${base64url(saltedHmac('sojourn.user', user, ''))}`}`
  }
}

function read(value: Uint8Array, user: string): readonly IndexEntry[] {
  const entries: unknown = JSON.parse(new TextDecoder().decode(value))
  return Array.isArray(entries) ? (entries as IndexEntry[]).filter((entry) => entry.user === user) : []
}
