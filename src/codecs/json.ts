import type { Cells } from '../core/types.js'
import { SessionTooLarge } from '../errors.js'
import { joinObject, splitObject } from '../wire/json.js'
import type { Codec } from './codec.js'
import { tooLarge } from './signed.js'

export type { Codec } from './codec.js'

export interface JsonCodecOptions {
  /** The largest session, in bytes of JSON (default 1 MiB). A larger one is refused when written and when read. */
  readonly sessionMaxBytes?: number
}

const UTF8 = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true })

/**
 * The session as JSON, in UTF-8 and unsigned: for a cache that no Django shares, readable for whoever looks into it. What is no JSON
 * object is `null`; one that is larger than `sessionMaxBytes` makes `decode` throw `SessionTooLarge`, so that it is not replaced.
 *
 * @example
 * ```ts
 * import { jsonCodec } from 'sojourn/codecs/json'
 *
 * const codec = jsonCodec()
 * const bytes = codec.encode(new Map([['cart', '[1,2]']]))
 * console.log(codec.decode(bytes)?.get('cart')) // [1,2]
 * ```
 */
export function jsonCodec({ sessionMaxBytes = 2 ** 20 }: JsonCodecOptions = {}): Codec<Uint8Array> {
  return {
    encode(cells: Cells): Uint8Array {
      const bytes = Buffer.from(joinObject(cells))
      if (bytes.length > sessionMaxBytes) throw tooLarge(cells, bytes.length, sessionMaxBytes)
      return bytes
    },
    decode(bytes: Uint8Array): Cells | null {
      if (bytes.length > sessionMaxBytes) {
        throw new SessionTooLarge(
          `A session of ${bytes.length} bytes is past the ${sessionMaxBytes} it may have; it was not read.`,
        )
      }
      const text = textOf(bytes)
      return text === null ? null : splitObject(text)
    },
  }
}

function textOf(bytes: Uint8Array): string | null {
  try {
    return UTF8.decode(bytes)
  } catch {
    return null
  }
}
