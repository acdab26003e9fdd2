import type { Cache } from '../../caches/cache.js'
import { chain } from '../../core/maybe.js'
import type { Clock, IndexEntry, MaybePromise, SessionIndex } from '../../core/types.js'
import { base64url, saltedHmac } from '../../wire/crypto.js'
import { changeValue } from '../change-value.js'

/** The most sessions noted of one user; past it the one seen longest ago has to go. */
const MOST = 1000
/** What was noted of an end may be older than the session by what a session is noted anew after. */
const SLACK = 120_000
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
    const noted = this.#change(entry.user, (entries) => {
      const all = [...entries.filter(({ key }) => key !== entry.key), entry].toSorted((a, b) => a.seen - b.seen)
      gone = all.slice(0, -MOST).map(({ key }) => key)
      return all.slice(-MOST)
    })
    return chain(noted, () => gone)
  }

  of(user: string): MaybePromise<readonly IndexEntry[]> {
    return chain(this.#cache.get(this.#keyOf(user)), (cached) =>
      cached === null ? [] : read(new TextDecoder().decode(cached.value), user).filter((entry) => this.#isKept(entry)),
    )
  }

  remove(user: string, keys: readonly string[]): MaybePromise<void> {
    const gone = new Set(keys)
    return this.#change(user, (entries) => entries.filter(({ key }) => !gone.has(key)))
  }

  #change(user: string, change: (entries: readonly IndexEntry[]) => readonly IndexEntry[]): MaybePromise<void> {
    return changeValue(this.#cache, this.#keyOf(user), (before) => {
      const entries = before === null ? [] : read(before, user)
      const after = change(entries.filter((entry) => this.#isKept(entry)))
      if (after.length === 0) return null
      return { text: JSON.stringify(after), expires: Math.max(...after.map(({ expires }) => expires)) + SLACK }
    })
  }

  #isKept({ expires }: IndexEntry): boolean {
    return expires + SLACK > this.#clock()
  }

  #keyOf(user: string): string {
    return `${this.#prefix}:${PLAIN_ID.test(user) ? user : `_${base64url(saltedHmac('sojourn.user', user, ''))}`}`
  }
}

function read(text: string, user: string): readonly IndexEntry[] {
  const entries: unknown = JSON.parse(text)
  return Array.isArray(entries) ? (entries as IndexEntry[]).filter((entry) => entry.user === user) : []
}
