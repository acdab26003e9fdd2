/** What sojourn needs of a cache: values of bytes under a key, each with an end, and saves that compare before they replace. */

type MaybePromise<T> = T | Promise<T>

/** What a cache found under a key. */
export interface Cached {
  readonly value: Uint8Array
  /** What a later save or deletion hands back, to be done only if nothing was stored meanwhile. */
  readonly version: unknown
  /** Tells when it ends, in milliseconds since 1970, where the cache said so. */
  readonly expires?: number
}

/** A value that was stored, with the version it has now. */
export interface Stored {
  readonly version: unknown
}

/**
 * A cache. The bytes are its own business as little as the keys, which arrive as Django makes them (`prefix:version:key`), checked: printable
 * ASCII without blanks, at most 250 characters. Absent and expired are values, never errors; it throws (or rejects) only when its server fails.
 * Ends are moments, in milliseconds since 1970; a cache that counts in whole seconds rounds up.
 */
export interface Cache {
  /** `redis`, `memcached`, `locmem`... */
  readonly name: string
  /** True where every method answers at once. */
  readonly synchronous: boolean
  /**
   * `compare-and-set`: of two that replace one version, one wins, and what was deleted stays so. `last-write-wins`: the promises of Django's
   * cache engine, where the later one silently wins.
   */
  readonly consistency: 'compare-and-set' | 'last-write-wins'
  get(key: string): MaybePromise<Cached | null>
  /** Reads and moves the end in one step, where the server can. */
  getAndTouch?(key: string, expires: number): MaybePromise<Cached | null>
  /** Stores under a key that nobody has; `'conflict'` if somebody has it. */
  add(key: string, value: Uint8Array, expires: number): MaybePromise<Stored | 'conflict'>
  /** Replaces what is there, never creates. With `expected`, only at that version: else `'conflict'`. One atomic step. */
  replace(
    key: string,
    value: Uint8Array,
    expires: number,
    expected?: unknown,
  ): MaybePromise<Stored | 'missing' | 'conflict'>
  /** Moves only the end. */
  touch(key: string, expires: number): MaybePromise<'saved' | 'missing'>
  /** With `expected`, only at that version: else `'conflict'`. */
  delete(key: string, expected?: unknown): MaybePromise<'deleted' | 'missing' | 'conflict'>
  has(key: string): MaybePromise<boolean>
  close(): MaybePromise<void>
}
