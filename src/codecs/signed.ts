import type { Cells, Clock } from '../core/types.js'
import { SessionTooLarge } from '../errors.js'
import { joinObject, splitObject } from '../wire/json.js'
import { JsonSigner } from '../wire/signing.js'
import type { Codec } from './codec.js'
import { Memo } from './memo.js'

export type { Codec } from './codec.js'

export interface SignedCodecOptions {
  readonly secretKey: string | Uint8Array
  readonly secretKeyFallbacks?: readonly (string | Uint8Array)[]
  /** The largest session, in bytes of JSON (default 1 MiB). A larger one is refused when written and not inflated when read. */
  readonly sessionMaxBytes?: number
  readonly clock?: Clock
  readonly salt?: string
}

/** The salt of Django's stock engines: the class they are all called by. */
const SESSION_SALT = 'django.contrib.sessions.SessionStore'

/**
 * JSON shorter than this goes uncompressed: deflating 0.3 KB costs more than the rest of a save, for some 150 bytes less in
 * the table. Django reads both.
 */
const COMPRESS_FROM = 1024

/**
 * Django's `SessionBase.encode` and `decode`: JSON, perhaps compressed, with the time and a signature.
 *
 * @example
 * ```ts
 * import { signedCodec } from 'sojourn/codecs/signed'
 *
 * const codec = signedCodec({ secretKey: 'the same as the Django site has' })
 * const text = codec.encode(new Map([['cart', '[1,2]']]))
 * console.log(codec.decode(text)?.get('cart'))
 * ```
 */
export function signedCodec(options: SignedCodecOptions): Codec {
  return new SignedCodec(options)
}

class SignedCodec implements Codec {
  readonly #signer: JsonSigner
  readonly #clock: Clock
  readonly #maxBytes: number
  /** Only what verified gets in; its age is asked each time. */
  readonly #known = new Memo<Decoded>()

  constructor(options: SignedCodecOptions) {
    this.#clock = options.clock ?? Date.now
    this.#maxBytes = options.sessionMaxBytes ?? 2 ** 20
    this.#signer = new JsonSigner({
      key: options.secretKey,
      fallbackKeys: options.secretKeyFallbacks ?? [],
      salt: options.salt ?? SESSION_SALT,
      now: this.#clock,
      compressFrom: COMPRESS_FROM,
      maxBytes: this.#maxBytes,
    })
  }

  encode(cells: Cells): string {
    const json = joinObject(cells)
    if (json.length > this.#maxBytes) throw tooLarge(cells, json.length, this.#maxBytes)
    const text = this.#signer.sign(json)
    this.#known.set(text, { cells, stamp: Math.floor(this.#clock() / 1000) }, text.length)
    return text
  }

  decode(text: string, maxAge?: number): Cells | null {
    const decoded = this.#known.get(text) ?? this.#open(text)
    return decoded === null || this.#signer.isTooOld(decoded.stamp, maxAge) ? null : decoded.cells
  }

  #open(text: string): Decoded | null {
    const opened = this.#signer.open(text)
    const cells = opened === null ? null : splitObject(opened.json)
    if (opened === null || cells === null) return null
    const decoded = { cells, stamp: opened.stamp }
    this.#known.set(text, decoded, text.length)
    return decoded
  }
}

interface Decoded {
  readonly cells: Cells
  /** When it was signed, in seconds since 1970. */
  readonly stamp: number
}

/** Says which keys take the room; never what they hold. */
export function tooLarge(cells: Cells, bytes: number, limit: number): SessionTooLarge {
  const biggest = [...cells]
    .sort(([, a], [, b]) => b.length - a.length)
    .slice(0, 3)
    .map(([key, text]) => `'${key.slice(0, 40)}' (${text.length})`)
  return new SessionTooLarge(
    `The session has ${bytes} bytes and may have ${limit}; nothing was saved. Its biggest keys: ${biggest.join(', ')}.`,
  )
}
