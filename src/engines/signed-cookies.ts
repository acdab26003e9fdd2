import { type Codec, signedCodec, tooLarge } from '../codecs/signed.js'
import { EXPIRY_KEY, microsOfMoment, storedExpiry, type ZoneRules } from '../core/expiry.js'
import type { Cells, Clock, Loaded, Outcome, SessionEngine, SessionRecord } from '../core/types.js'
import { CookieTooLarge } from '../errors.js'

export interface SignedCookiesEngineOptions {
  readonly secretKey: string | Uint8Array
  readonly secretKeyFallbacks?: readonly (string | Uint8Array)[]
  /** Seconds that a cookie is accepted after it was signed (default two weeks). */
  readonly sessionCookieAge?: number
  /** The name of the cookie counts towards what browsers keep (default `sessionid`). */
  readonly sessionCookieName?: string
  readonly sessionMaxBytes?: number
  /** Without time zones, a moment in a session shows the clocks of `timeZone` (default true). */
  readonly useTz?: boolean
  readonly timeZone?: string
  readonly clock?: Clock
}

const SALT = 'django.contrib.sessions.backends.signed_cookies'
/** What browsers keep of a cookie: name and value together (RFC 6265bis section 5.6). */
const COOKIE_BYTES = 4096

/**
 * Sessions in the visitor's own cookie: signed, readable by whoever has the cookie, at most some 4,000 bytes. Django's
 * `backends.signed_cookies`. Nothing is stored, so nothing can be compared or ended: of two parallel writes the browser
 * keeps one, and a copied cookie lives until its age is over. Use another engine where that matters.
 *
 * @example
 * ```ts
 * import { signedCookiesEngine } from 'sojourn/engines/signed-cookies'
 *
 * const engine = signedCookiesEngine({ secretKey: 'a long random text' })
 * ```
 */
export function signedCookiesEngine(options: SignedCookiesEngineOptions): SessionEngine {
  return new SignedCookiesEngine(options)
}

class SignedCookiesEngine implements SessionEngine {
  readonly name = 'signed_cookies'
  readonly synchronous = true
  readonly stateless = true
  readonly #codec: Codec
  readonly #age: number
  readonly #room: number
  readonly #clock: Clock
  readonly #zone: ZoneRules

  constructor(options: SignedCookiesEngineOptions) {
    this.#clock = options.clock ?? Date.now
    this.#zone = { useTz: options.useTz ?? true, timeZone: options.timeZone ?? 'UTC' }
    this.#age = options.sessionCookieAge ?? 1_209_600
    this.#room = COOKIE_BYTES - (options.sessionCookieName ?? 'sessionid').length
    const { secretKey, secretKeyFallbacks, sessionMaxBytes, clock } = options
    this.#codec = signedCodec({ secretKey, secretKeyFallbacks, sessionMaxBytes, clock, salt: SALT })
  }

  load(key: string): Loaded | null {
    const cells = this.#codec.decode(key, this.#age)
    return cells === null || this.#isOver(key, cells) ? null : { cells, version: undefined }
  }

  create(_key: string, record: SessionRecord): Outcome {
    const key = this.#codec.encode(record.cells)
    if (key.length > this.#room) {
      throw new CookieTooLarge(tooLarge(record.cells, key.length, this.#room).message)
    }
    return { key, version: undefined }
  }

  save(key: string, record: SessionRecord): Outcome {
    return this.create(key, record)
  }

  delete(): 'deleted' {
    return 'deleted'
  }

  exists(): boolean {
    return false
  }

  /** The session's own end, which Django leaves to the browser: here a cookie that is sent past it is over. */
  #isOver(key: string, cells: Cells): boolean {
    const expiry = storedExpiry(cells.get(EXPIRY_KEY))
    if (typeof expiry === 'string') {
      const moment = microsOfMoment(expiry, this.#zone)
      return moment !== null && moment <= this.#clock() * 1000
    }
    return expiry !== null && expiry !== 0 && this.#codec.decode(key, expiry) === null
  }
}
