import { deflateSync, inflateSync } from 'node:zlib'
import { BadSignature, ImproperlyConfigured, SignatureExpired } from '../errors.js'
import type { Algorithm } from './algorithm.js'
import { decode62, encode62 } from './base.js'
import { base64url, constantTimeEqual, derivedKey, fromBase64url, hmacText } from './crypto.js'
import { encodeJson, parseJson } from './json.js'
import { asciiJson } from './json-string.js'

export type Key = string | Uint8Array

/** What signers are made of; `django.core.signing.Signer`'s arguments. */
export interface SignerOptions {
  /** The secret; Django's `SECRET_KEY` unless said otherwise. */
  readonly key: Key
  /** Older secrets, which still verify and never sign; `SECRET_KEY_FALLBACKS`. */
  readonly fallbackKeys?: readonly Key[]
  /** What keeps signatures of one purpose from being used for another. `''` means the class's own, as in Django. */
  readonly salt?: string
  /** Between value and signature; `:` if not given. */
  readonly sep?: string
  readonly algorithm?: Algorithm
  /** The time, in milliseconds since 1970. */
  readonly now?: () => number
}

const TIMESTAMP_SALT = 'django.core.signing.TimestampSigner'
/** What `dumps` signs with if no salt is given. An empty one is handed on to the signer, which then takes its own. */
const DUMPS_SALT = 'django.core.signing'

const DEFAULT_MAX_BYTES = 1024 * 1024

/** Django refuses a separator that could be part of a signature. Its `[A-z]` takes in `[ \ ] ^ _` and the backquote. */
const UNSAFE_SEPARATOR = /^[A-z0-9\-_=]*$/

const LONE_SURROGATE = /\p{Surrogate}/u

/** The key, if it is one: a secret that was forgotten in the environment must not sign. */
export function checkedKey(key: Key): Key {
  if ((typeof key === 'string' || key instanceof Uint8Array) && key.length > 0) return key
  throw new ImproperlyConfigured('A signing key must be a text or bytes, and not empty.')
}

/** One salt with its keys, derived once, and the two things they are good for. */
class Seal {
  readonly sep: string
  readonly #algorithm: Algorithm
  readonly #key: Buffer
  readonly #fallbacks: readonly Buffer[]

  constructor(options: SignerOptions, defaultSalt: string) {
    const { key, fallbackKeys = [], sep = ':', algorithm = 'sha256' } = options
    const salt = (options.salt || defaultSalt) + 'signer'
    if (UNSAFE_SEPARATOR.test(sep)) {
      throw new ImproperlyConfigured(
        `Unsafe separator ${encodeJson(sep)}: it must not be empty or consist of letters, digits and -_= only.`,
      )
    }
    const derive = (secret: Key): Buffer => derivedKey(salt, checkedKey(secret), algorithm)
    this.sep = sep
    this.#algorithm = algorithm
    this.#key = derive(key)
    this.#fallbacks = fallbackKeys.map(derive)
  }

  signature(value: string): string {
    return hmacText(this.#key, value, this.#algorithm)
  }

  close(value: string): string {
    return value + this.sep + this.signature(value)
  }

  /** The value of a signed text, `null` if no key made its signature. Nothing but the text's length shows in the time. */
  open(text: string): string | null {
    const at = text.lastIndexOf(this.sep)
    if (at < 0) return null
    const value = text.slice(0, at)
    const signature = text.slice(at + this.sep.length)
    if (constantTimeEqual(signature, this.signature(value))) return value
    for (const key of this.#fallbacks) {
      if (constantTimeEqual(signature, hmacText(key, value, this.#algorithm))) return value
    }
    return null
  }
}

/** UTF-8 writes all lone surrogates alike, so one signature would fit many texts. Python refuses them as well. */
function openWellFormed(seal: Seal, text: string): string {
  const value = LONE_SURROGATE.test(text) ? null : seal.open(text)
  if (value === null) throw new BadSignature('The signature does not match.')
  return value
}

function closeWellFormed(seal: Seal, value: string): string {
  if (LONE_SURROGATE.test(value)) throw new BadSignature('A text with half a surrogate pair cannot be signed.')
  return seal.close(value)
}

/**
 * Mirrors `django.core.signing.Signer`: the value in clear, and a signature behind it.
 *
 * @example
 * ```ts
 * import { Signer } from 'sojourn/signing'
 *
 * const signer = new Signer({ key: 'a long random text' })
 * signer.unsign(signer.sign('value')) // 'value'
 * ```
 */
export class Signer {
  readonly #seal: Seal

  constructor(options: SignerOptions) {
    this.#seal = new Seal(options, 'django.core.signing.Signer')
  }

  signature(value: string): string {
    return this.#seal.signature(value)
  }

  sign(value: string): string {
    return closeWellFormed(this.#seal, value)
  }

  /** The value; throws `BadSignature` for whatever this signer, or one with a fallback key, did not sign. */
  unsign(text: string): string {
    return openWellFormed(this.#seal, text)
  }
}

/** Mirrors `django.core.signing.TimestampSigner`: a `Signer` that also knows when. Ages are seconds. */
export class TimestampSigner {
  readonly #seal: Seal
  readonly #now: () => number

  constructor(options: SignerOptions) {
    this.#seal = new Seal(options, TIMESTAMP_SALT)
    this.#now = options.now ?? Date.now
  }

  sign(value: string): string {
    return closeWellFormed(this.#seal, value + this.#seal.sep + encode62(Math.floor(this.#now() / 1000)))
  }

  /** The value; throws `BadSignature`, or `SignatureExpired` if it was signed more than `maxAge` seconds ago. */
  unsign(text: string, options: { readonly maxAge?: number } = {}): string {
    const stamped = openWellFormed(this.#seal, text)
    const at = stamped.lastIndexOf(this.#seal.sep)
    const stamp = at < 0 ? Number.NaN : decode62(stamped.slice(at + this.#seal.sep.length))
    if (Number.isNaN(stamp)) throw new BadSignature('The signed text bears no time.')
    if (isTooOld(stamp, options.maxAge, this.#now)) {
      throw new SignatureExpired(`The signature is older than ${options.maxAge} seconds.`)
    }
    return stamped.slice(0, at)
  }

  /** Mirrors `sign_object`: any JSON value, compressed if asked and if that makes it shorter. */
  signObject(value: unknown, options: { readonly compress?: boolean } = {}): string {
    return this.sign(packBody(encodeJson(value), options.compress ?? false))
  }

  /** Mirrors `unsign_object`. Throws `BadSignature` also for a well signed text that holds no value, or too big a one. */
  unsignObject(text: string, options: { readonly maxAge?: number; readonly maxBytes?: number } = {}): unknown {
    const json = unpackBody(this.unsign(text, options), options.maxBytes ?? DEFAULT_MAX_BYTES)
    if (json === null) throw new BadSignature('The signed text holds no value, or one that is too big.')
    try {
      return parseJson(json)
    } catch {
      throw new BadSignature('The signed text holds no JSON.')
    }
  }
}

function isTooOld(stamp: number, maxAge: number | undefined, now: () => number): boolean {
  return maxAge !== undefined && now() / 1000 - stamp > maxAge
}

/**
 * Mirrors `django.core.signing.dumps`: a JSON value as a signed, URL-safe text.
 *
 * @example
 * ```ts
 * import { dumps } from 'sojourn/signing'
 *
 * const link = dumps({ user: 7 }, { key: 'a long random text', salt: 'unsubscribe' })
 * ```
 */
export function dumps(value: unknown, options: SignerOptions & { readonly compress?: boolean }): string {
  return dumpsSigner(options).signObject(value, options)
}

/**
 * Mirrors `django.core.signing.loads`, with a limit to what is unpacked (1 MiB unless `maxBytes` says otherwise). Throws
 * `BadSignature` or `SignatureExpired`.
 */
export function loads(
  text: string,
  options: SignerOptions & { readonly maxAge?: number; readonly maxBytes?: number },
): unknown {
  return dumpsSigner(options).unsignObject(text, options)
}

function dumpsSigner(options: SignerOptions): TimestampSigner {
  return new TimestampSigner({ ...options, salt: options.salt ?? DUMPS_SALT })
}

/**
 * What is signed for a JSON text: base64 of it, or a dot and base64 of it compressed, where that is shorter. Other zlibs
 * than Python's choose other bytes, and at the margin another form; every reader takes either.
 */
export function packBody(json: string, compress: boolean): string {
  let bytes = Buffer.from(json)
  if (bytes.length !== json.length) bytes = Buffer.from(asciiJson(json))
  if (compress) {
    const packed = deflateSync(bytes)
    if (packed.length < bytes.length - 1) return '.' + base64url(packed)
  }
  return bytes.toString('base64url')
}

/**
 * The JSON text in a signed body, `null` if there is none or it is over `maxBytes`. The limit holds before anything is
 * inflated and while it is, so that a few signed bytes cannot become a gigabyte. Bytes are read as Latin-1, which is
 * what Django's serializer does.
 */
export function unpackBody(body: string, maxBytes: number): string | null {
  const packed = body.charCodeAt(0) === 46 /* . */
  const bytes = fromBase64url(packed ? body.slice(1) : body)
  if (bytes === null || bytes.length > maxBytes) return null
  if (!packed) return bytes.toString('latin1')
  try {
    return inflateSync(bytes, { maxOutputLength: maxBytes }).toString('latin1')
  } catch {
    return null
  }
}

/**
 * `dumps` and `loads` for JSON that is text already, as sessions keep it, with `null` for whatever must be refused. The
 * signature is checked before anything is decoded.
 */
export class JsonSigner {
  readonly #seal: Seal
  readonly #now: () => number
  readonly #maxBytes: number
  readonly #compressFrom: number

  /**
   * `maxBytes` limits the JSON that `unsign` gives (1 MiB); JSON of at least `compressFrom` characters is compressed if
   * that makes it shorter (0, always tried, as in Django: it costs some 15 microseconds).
   */
  constructor(options: SignerOptions & { readonly maxBytes?: number; readonly compressFrom?: number }) {
    this.#seal = new Seal({ ...options, salt: options.salt ?? DUMPS_SALT }, TIMESTAMP_SALT)
    this.#now = options.now ?? Date.now
    this.#maxBytes = options.maxBytes ?? DEFAULT_MAX_BYTES
    this.#compressFrom = options.compressFrom ?? 0
  }

  sign(json: string): string {
    const body = packBody(json, json.length >= this.#compressFrom)
    return this.#seal.close(body + this.#seal.sep + encode62(Math.floor(this.#now() / 1000)))
  }

  /** The JSON text; `null` if it was not signed by us, is older than `maxAge` seconds, or does not unpack. */
  unsign(text: string, maxAge?: number): string | null {
    const opened = this.open(text)
    return opened === null || this.isTooOld(opened.stamp, maxAge) ? null : opened.json
  }

  /** The JSON text and when it was signed, in seconds since 1970, however long ago; `null` as `unsign`. */
  open(text: string): { readonly json: string; readonly stamp: number } | null {
    if (text.length > this.#maxBytes * 1.5 + 256) return null
    const stamped = this.#seal.open(text)
    if (stamped === null) return null
    const at = stamped.lastIndexOf(this.#seal.sep)
    if (at < 0) return null
    const stamp = decode62(stamped.slice(at + this.#seal.sep.length))
    if (Number.isNaN(stamp)) return null
    const json = unpackBody(stamped.slice(0, at), this.#maxBytes)
    return json === null ? null : { json, stamp }
  }

  /** Whether something signed at `stamp` is older than `maxAge` seconds. */
  isTooOld(stamp: number, maxAge: number | undefined): boolean {
    return isTooOld(stamp, maxAge, this.#now)
  }
}
