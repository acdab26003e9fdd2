import type { MaybePromise, Sweep } from './types.js'

/** A session in a group. */
export interface Member {
  readonly key: string
  /** Since when, by the clock that the group's end is told by; 0 where an end is for all, whenever they came. A whole number. */
  readonly since: number
}

/** A session that is in a group, and until when; it may have ended by itself. */
export interface Joined extends Member {
  readonly expires: number
}

/**
 * What stands beside the sessions where they belong together: records that are looked up or used once, and groups of sessions. Names are
 * sojourn's own (lower-case letters, digits and dots, at most 80 characters), and never a secret: whoever reads the store can make
 * nothing of them. Moments are in milliseconds since 1970. Throws (or rejects) only when the store fails.
 */
export interface LinkStore {
  /** Keeps a record, in the place of one that has its name. */
  put(name: string, value: string, expires: number): MaybePromise<void>
  /** Keeps a record whose name nobody has; false where one is there. Of all who do so at once one gets true. */
  add(name: string, value: string, expires: number): MaybePromise<boolean>
  /**
   * Keeps a record in the place of one that says `expected`; false where it says something else, or none is there any more. Of all who replace
   * the same at once one gets true.
   */
  replace(name: string, value: string, expires: number, expected: string): MaybePromise<boolean>
  /** What a record says; `null` where there is none, or it is past its end. */
  get(name: string): MaybePromise<string | null>
  /** Reads a record and deletes it. Of all who do so at once one gets it, and the others `null`. */
  take(name: string): MaybePromise<string | null>
  /** Puts a session into a group, or moves the end of its membership. */
  join(group: string, member: Member, expires: number): MaybePromise<void>
  /** Takes sessions out of a group; others that join meanwhile stay. */
  leave(group: string, keys: readonly string[]): MaybePromise<void>
  /** A group's sessions. */
  members(group: string): MaybePromise<readonly Joined[]>
  /** Forgets, little by little, what is past its end. Absent where the store does so by itself. */
  sweep?(now: number): Sweep
}
