import type { Cache } from '../../caches/cache.js'
import type { Joined, LinkStore, Member } from '../../core/link-store.js'
import { chain } from '../../core/maybe.js'
import type { Clock, MaybePromise } from '../../core/types.js'
import { changeValue } from '../change-value.js'

/** Of each session of a group, since when it is there and until when. */
type Group = Readonly<Record<string, readonly [since: number, end: number]>>

/** Records and groups in a cache: a value for each record, and one for each group, replaced only by whoever has seen what it was. */
export class CacheLinks implements LinkStore {
  readonly #cache: Cache
  readonly #prefix: string
  readonly #clock: Clock

  /** `prefix` stands before each key, as Django's `KEY_PREFIX:VERSION:`. */
  constructor(cache: Cache, prefix: string, clock: Clock = Date.now) {
    this.#cache = cache
    this.#prefix = `${prefix}sojourn`
    this.#clock = clock
  }

  put(name: string, text: string, expires: number): MaybePromise<void> {
    return changeValue(this.#cache, this.#record(name), () => ({ text, expires }))
  }

  add(name: string, value: string, expires: number): MaybePromise<boolean> {
    const added = this.#cache.add(this.#record(name), new TextEncoder().encode(value), expires)
    return chain(added, (outcome) => outcome !== 'conflict' && this.#isKept(name, value))
  }

  replace(name: string, value: string, expires: number, expected: string): MaybePromise<boolean> {
    const key = this.#record(name)
    return chain(this.#cache.get(key), (cached) => {
      if (cached === null || new TextDecoder().decode(cached.value) !== expected) return false
      const replaced = this.#cache.replace(key, new TextEncoder().encode(value), expires, cached.version)
      return chain(replaced, (outcome) => typeof outcome === 'object' && this.#isKept(name, value))
    })
  }

  /** A cache that cannot compare may have kept what another process wrote at the same moment. */
  #isKept(name: string, value: string): MaybePromise<boolean> {
    return this.#cache.consistency === 'compare-and-set' || chain(this.get(name), (kept) => kept === value)
  }

  get(name: string): MaybePromise<string | null> {
    return chain(this.#cache.get(this.#record(name)), (cached) =>
      cached === null ? null : new TextDecoder().decode(cached.value),
    )
  }

  take(name: string): MaybePromise<string | null> {
    const key = this.#record(name)
    return chain(this.#cache.get(key), (cached) =>
      cached === null
        ? null
        : chain(this.#cache.delete(key, cached.version), (outcome) =>
            outcome === 'deleted' ? new TextDecoder().decode(cached.value) : null,
          ),
    )
  }

  join(group: string, { key, since }: Member, expires: number): MaybePromise<void> {
    return this.#change(group, (members) => ({ ...members, [key]: [since, expires] }))
  }

  leave(group: string, keys: readonly string[]): MaybePromise<void> {
    return this.#change(group, (members) =>
      Object.fromEntries(Object.entries(members).filter(([key]) => !keys.includes(key))),
    )
  }

  members(group: string): MaybePromise<readonly Joined[]> {
    return chain(this.#cache.get(this.#group(group)), (cached) =>
      cached === null ? [] : membersOf(this.#alive(new TextDecoder().decode(cached.value))),
    )
  }

  #change(group: string, change: (members: Group) => Group): MaybePromise<void> {
    return changeValue(this.#cache, this.#group(group), (before) => {
      const members = change(before === null ? {} : this.#alive(before))
      const ends = Object.values(members).map(([, end]) => end)
      return ends.length === 0 ? null : { text: JSON.stringify(members), expires: Math.max(...ends) }
    })
  }

  #alive(text: string): Group {
    const now = this.#clock()
    return Object.fromEntries(Object.entries(JSON.parse(text) as Group).filter(([, [, end]]) => end > now))
  }

  #record(name: string): string {
    return `${this.#prefix}.record:${name}`
  }

  #group(name: string): string {
    return `${this.#prefix}.group:${name}`
  }
}

function membersOf(group: Group): readonly Joined[] {
  return Object.entries(group).map(([key, [since, expires]]) => ({ key, since, expires }))
}
