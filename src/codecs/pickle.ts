import type { Cells } from '../core/types.js'
import { joinObject } from '../wire/json.js'
import { readPickle } from '../wire/pickle-reader.js'
import { writePickle } from '../wire/pickle-writer.js'
import type { Codec } from './codec.js'
import { tooLarge } from './signed.js'

export type { Codec } from './codec.js'

export interface PickleCodecOptions {
  /** The largest session, in bytes of JSON (default 1 MiB). A larger one is refused when written and when read. */
  readonly sessionMaxBytes?: number
}

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
  return {
    encode(cells: Cells): Uint8Array {
      const json = joinObject(cells)
      if (json.length > sessionMaxBytes) throw tooLarge(cells, json.length, sessionMaxBytes)
      return writePickle(json)
    },
    decode(bytes: Uint8Array): Cells | null {
      return readPickle(bytes, sessionMaxBytes)
    },
  }
}
