import { SessionTooLarge, SessionValueError } from '../errors.js'
import { asciiJson } from './json-string.js'
import * as op from './pickle-opcodes.js'
import { writeUtf8 } from './pickle-text.js'
import { MAX_DIGITS } from './python-number.js'

const QUOTE = 34
const COMMA = 44
const COLON = 58
const OPEN_BRACKET = 91
const BACKSLASH = 92
const CLOSE_BRACKET = 93
const OPEN_BRACE = 123
const CLOSE_BRACE = 125

/** As deep as pickles are read. */
const MAX_DEPTH = 1000
/** As many as Python puts into a list or dict at a time. */
const BATCH = 1000

/** From here on a native copy is faster than a loop. */
const LONG_TEXT = 64

const FLOAT = /[.eENI]/
const LITERAL = /true|false|null|-?(?:(?:0|[1-9]\d*)(?:\.\d+)?(?:[eE][+-]?\d+)?|Infinity)|NaN/y

/**
 * The pickle of the dict in a JSON text, as `pickle.dumps(json.loads(text))` writes it, without making the dict: `1` becomes an int,
 * `1.0` a float, a whole number keeps all its digits, lone surrogates pass. It says protocol 4 because it needs no more: Python 3.4 and
 * later read it, and what protocol 5 adds is for large buffers. It has neither frames nor a memo, which only speed Python up.
 *
 * Throws `SessionValueError` for a text that is not JSON or a number of more than 4,300 digits, which Python's JSON refuses as well, and
 * `SessionTooLarge` for more than a thousand levels.
 */
export function writePickle(json: string): Uint8Array {
  // What is not ASCII can only stand in strings.
  return new PickleWriter(Buffer.byteLength(json) === json.length ? json : asciiJson(json)).write()
}

class PickleWriter {
  readonly #json: string
  /** The same, as bytes: characters of long texts are read one by one ever so slowly. */
  readonly #from: Buffer
  /** How far it is read. */
  #at = 0
  readonly #to: Buffer
  #size = 0

  constructor(json: string) {
    this.#json = json
    this.#from = Buffer.from(json, 'latin1')
    // Nothing takes three times the room of its JSON: `1e1,` has four characters, a float nine bytes.
    this.#to = Buffer.allocUnsafe(json.length * 3 + 16)
  }

  write(): Uint8Array {
    this.#put(op.PROTO)
    this.#put(4)
    if (this.#next() !== OPEN_BRACE) malformed()
    this.#object(1)
    if (this.#next() !== undefined) malformed()
    this.#put(op.STOP)
    return Uint8Array.prototype.slice.call(this.#to, 0, this.#size)
  }

  #put(byte: number): void {
    this.#to[this.#size++] = byte
  }

  /** The next byte that is no blank; not read yet. */
  #next(): number | undefined {
    let byte = this.#from[this.#at]
    while (byte === 32 || byte === 10 || byte === 13 || byte === 9) byte = this.#from[++this.#at]
    return byte
  }

  #value(depth: number): void {
    const byte = this.#next()
    if (byte === QUOTE) this.#string()
    else if (byte === OPEN_BRACE) this.#object(depth)
    else if (byte === OPEN_BRACKET) this.#array(depth)
    else this.#literal()
  }

  #object(depth: number): void {
    this.#put(op.EMPTY_DICT)
    if (this.#opensEmpty(CLOSE_BRACE, depth)) return
    let count = 0
    do {
      this.#beginBatch(count++, op.SETITEMS)
      if (this.#next() !== QUOTE) malformed()
      this.#string()
      if (this.#next() !== COLON) malformed()
      this.#at++
      this.#value(depth + 1)
    } while (this.#continues(CLOSE_BRACE))
    this.#put(op.SETITEMS)
  }

  #array(depth: number): void {
    this.#put(op.EMPTY_LIST)
    if (this.#opensEmpty(CLOSE_BRACKET, depth)) return
    let count = 0
    do {
      this.#beginBatch(count++, op.APPENDS)
      this.#value(depth + 1)
    } while (this.#continues(CLOSE_BRACKET))
    this.#put(op.APPENDS)
  }

  #beginBatch(count: number, opcode: number): void {
    if (count % BATCH !== 0) return
    if (count > 0) this.#put(opcode)
    this.#put(op.MARK)
  }

  #opensEmpty(closing: number, depth: number): boolean {
    if (depth > MAX_DEPTH) {
      throw new SessionTooLarge(`A session may be ${MAX_DEPTH} levels deep in a pickle; nothing was saved.`)
    }
    this.#at++
    if (this.#next() !== closing) return false
    this.#at++
    return true
  }

  #continues(closing: number): boolean {
    const byte = this.#next()
    if (byte !== COMMA && byte !== closing) malformed()
    this.#at++
    return byte === COMMA
  }

  #string(): void {
    const from = this.#from
    const start = ++this.#at
    let end = start
    let isPlain = true
    for (let byte = from[end]; byte !== QUOTE; byte = from[end]) {
      if (byte === undefined || byte < 32) malformed()
      if (byte === BACKSLASH) {
        isPlain = false
        end++
      }
      end++
    }
    this.#at = end + 1
    if (isPlain) this.#plainText(start, end)
    else this.#escapedText(this.#json.slice(start - 1, end + 1))
  }

  #plainText(start: number, end: number): void {
    const from = this.#from
    this.#textHead(end - start)
    if (end - start > LONG_TEXT) this.#size += from.copy(this.#to, this.#size, start, end)
    else for (let i = start; i < end; i++) this.#put(from[i]!)
  }

  #escapedText(json: string): void {
    const text = parsed(json)
    // Lone surrogates have as many bytes as what this counts in their place.
    this.#textHead(Buffer.byteLength(text))
    this.#size = writeUtf8(this.#to, this.#size, text)
  }

  #textHead(length: number): void {
    if (length < 256) {
      this.#put(op.SHORT_BINUNICODE)
      this.#put(length)
    } else {
      this.#put(op.BINUNICODE)
      this.#size = this.#to.writeUInt32LE(length, this.#size)
    }
  }

  #literal(): void {
    const start = this.#at
    LITERAL.lastIndex = start
    if (!LITERAL.test(this.#json)) malformed()
    this.#at = LITERAL.lastIndex
    const first = this.#from[start]
    if (first === 110 /* n */) this.#put(op.NONE)
    else if (first === 116 /* t */) this.#put(op.NEWTRUE)
    else if (first === 102 /* f */) this.#put(op.NEWFALSE)
    else this.#number(this.#json.slice(start, this.#at))
  }

  #number(token: string): void {
    if (FLOAT.test(token)) {
      this.#put(op.BINFLOAT)
      this.#size = this.#to.writeDoubleBE(Number(token), this.#size)
    } else this.#int(token)
  }

  #int(token: string): void {
    const value = Number(token)
    if (value !== (value | 0)) this.#long(token)
    else if (value >= 0 && value < 0x100) {
      this.#put(op.BININT1)
      this.#put(value)
    } else if (value >= 0 && value < 0x10000) {
      this.#put(op.BININT2)
      this.#size = this.#to.writeUInt16LE(value, this.#size)
    } else {
      this.#put(op.BININT)
      this.#size = this.#to.writeInt32LE(value, this.#size)
    }
  }

  /** Two's complement, the lowest byte first. */
  #long(token: string): void {
    if (token.length > MAX_DIGITS && token.replace('-', '').length > MAX_DIGITS) {
      throw new SessionValueError(`A whole number has more than ${MAX_DIGITS} digits: Python would not read it.`)
    }
    const value = BigInt(token)
    let hex = (value < 0n ? ~value : value).toString(16)
    // The first bit is the sign's.
    if (hex.length % 2 === 1) hex = '0' + hex
    else if (hex.charCodeAt(0) > 55 /* 7 */) hex = '00' + hex
    const bytes = Buffer.from(hex, 'hex').reverse()
    const { length } = bytes
    if (length < 256) {
      this.#put(op.LONG1)
      this.#put(length)
    } else {
      this.#put(op.LONG4)
      this.#size = this.#to.writeUInt32LE(length, this.#size)
    }
    for (const byte of bytes) this.#put(value < 0n ? ~byte & 0xff : byte)
  }
}

function parsed(json: string): string {
  try {
    return JSON.parse(json) as string
  } catch {
    return malformed()
  }
}

function malformed(): never {
  throw new SessionValueError('A stored value is not the JSON it should be.')
}
