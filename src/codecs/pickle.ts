import type { Cells } from '../core/types.js'
import { joinObject } from '../wire/json.js'
import { readPickle } from '../wire/pickle-reader.js'
import { writePickle } from '../wire/pickle-writer.js'
import type { Codec } from './codec.js'
import { Memo } from './memo.js'
import { tooLarge } from './signed.js'

export type { Codec } from './codec.js'

export interface PickleCodecOptions {
  /** The largest session, in bytes of JSON (default 1 MiB). A larger one is refused when written and when read. */
  readonly sessionMaxBytes?: number
}

/** Larger pickles are read anew each time: whoever sends a huge one shall not have it copied as well. */
const KEPT_BYTES = 2 ** 16

/**
 * Python's pickle of the session's dict: what Django's `cache` and `cached_db` engines put into Redis and Memcached, unsigned. Only plain
 * data is read, by a closed list of opcodes that looks up, makes and calls nothing (T30). Tuples become lists and keys become text, as in
 * JSON; bytes, sets, dates, decimals and everything else make `decode` throw `PickleRefused`, so that the session is neither opened nor
 * replaced: keep plain data, or let Django use its `db` engine. What is no pickle of a dict at all is `null`.
 *
 * @example
 * ```ts
 * import { pickleCodec } from 'sojourn/codecs/pickle'
 *
 * const codec = pickleCodec()
 * const bytes = codec.encode(new Map([['cart', '[1,2.0]']]))
 * console.log(codec.decode(bytes)?.get('cart')) // [1,2.0]
 * ```
 */
export function pickleCodec({ sessionMaxBytes = 2 ** 20 }: PickleCodecOptions = {}): Codec<Uint8Array> {
  const known = new Memo<Cells>()
  return {
    encode(cells: Cells): Uint8Array {
      const json = joinObject(cells)
      if (json.length > sessionMaxBytes) throw tooLarge(cells, json.length, sessionMaxBytes)
      const bytes = writePickle(json)
      if (bytes.length <= KEPT_BYTES) known.set(textOf(bytes), cells)
      return bytes
    },
    decode(bytes: Uint8Array): Cells | null {
      if (bytes.length > KEPT_BYTES) return readPickle(bytes, sessionMaxBytes)
      const text = textOf(bytes)
      const before = known.get(text)
      if (before !== undefined) return before
      const cells = readPickle(bytes, sessionMaxBytes)
      if (cells !== null) known.set(text, cells)
      return cells
    },
  }
}

/** A character for each byte. */
function textOf(bytes: Uint8Array): string {
  return Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength).toString('latin1')
}
