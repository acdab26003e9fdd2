import type { Cells } from '../core/types.js'

/** Between a session's data and the form a store keeps. */
export interface Codec<Stored = string> {
  encode(cells: Cells): Stored
  /**
   * `null` for whatever does not verify, or is older than `maxAge` seconds. Throws a `SojournError` for what verifies and holds more than
   * sojourn reads, so that nobody's data are taken for nothing and replaced.
   */
  decode(stored: Stored, maxAge?: number): Cells | null
}
