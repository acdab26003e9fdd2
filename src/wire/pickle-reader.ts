import { PickleRefused, SessionTooLarge } from '../errors.js'
import * as op from './pickle-opcodes.js'
import { quoteRawUnicode, quoteUtf8 } from './pickle-text.js'
import { floatText, MAX_DIGITS } from './python-number.js'

/** As deep as JSON is read. */
const MAX_DEPTH = 1000
/**
 * What may wait on the stack for what it belongs to. Python puts a thousand into a list or dict at a time; only tuples wait for the
 * last of their members.
 */
const MAX_STACK = 2 ** 15
/** A pickle of plain data takes less than this for each character of JSON; empty texts with a large number in the memo take most. */
const MOST_BYTES = 4
/** More bytes hold a number of more than 4,300 digits. */
const MAX_LONG_BYTES = 1786

/**
 * The cells of a pickled dict of plain data, each value as the JSON text that Python's `json.dumps` would make of it: `pickle.loads`
 * for a closed list of opcodes that make text, numbers, booleans, None, lists, tuples (which JSON knows as lists) and dicts. Nothing is
 * ever looked up, made or called. `null` for bytes that are no pickle, and for the pickle of something other than a dict.
 *
 * Throws `PickleRefused` for pickles that hold anything else, a list that contains itself included, and `SessionTooLarge` for more than
 * `maxCharacters` of JSON, a thousand levels or a tuple of 32,768. Takes time and memory by the length of the input, however often it
 * refers to one thing.
 */
export function readPickle(bytes: Uint8Array, maxCharacters: number = 2 ** 20): Map<string, string> | null {
  try {
    const value = new PickleReader(bytes, maxCharacters).read()
    return typeof value === 'object' && value.kind === 'dict' ? value.cells() : null
  } catch (error) {
    if (error instanceof Malformed) return null
    throw error
  }
}

class Malformed extends Error {}

/** A finished value's JSON text, or what may still grow. */
type Item = string | Container

type Step = (reader: PickleReader) => void

function arrayOf<T>(byIndex: Readonly<Record<number, T>>): readonly (T | undefined)[] {
  return Array.from({ length: 256 }, (_, index) => byIndex[index])
}

class Container {
  readonly kind: 'list' | 'tuple' | 'dict'
  /** JSON texts: the members, or keys and values in turn. */
  readonly parts: string[] = []
  height = 1
  #text: string | undefined

  constructor(kind: 'list' | 'tuple' | 'dict') {
    this.kind = kind
  }

  /** Once it is part of something it is finished: only what contains itself would grow after that. */
  get isFinished(): boolean {
    return this.#text !== undefined
  }

  text(): string {
    this.#text ??= this.kind === 'dict' ? this.#dictText() : '[' + this.parts.join(',') + ']'
    return this.#text
  }

  #dictText(): string {
    const { parts } = this
    let text = '{'
    for (let i = 0; i < parts.length; i += 2) text += (i === 0 ? '' : ',') + parts[i] + ':' + parts[i + 1]
    return text + '}'
  }

  cells(): Map<string, string> {
    const { parts } = this
    const cells = new Map<string, string>()
    for (let i = 0; i < parts.length; i += 2) {
      const key = parts[i]!
      cells.set(key.includes('\\') ? (JSON.parse(key) as string) : key.slice(1, -1), parts[i + 1]!)
    }
    return cells
  }
}

class PickleReader {
  readonly #bytes: Buffer
  /** The bytes as characters. */
  readonly #latin1: string
  readonly #maxCharacters: number
  /** Characters of JSON that may still come. */
  #left: number
  #at = 0
  #frameEnd = 0
  readonly #stack: Item[] = []
  readonly #marks: number[] = []
  /** Nothing below it is taken from the stack. */
  #fence = 0
  readonly #memo: Item[] = []

  constructor(bytes: Uint8Array, maxCharacters: number) {
    this.#maxCharacters = maxCharacters
    this.#left = maxCharacters + 1
    if (bytes.length > maxCharacters * MOST_BYTES + 64) throw this.#tooLarge()
    this.#bytes = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength)
    this.#latin1 = this.#bytes.toString('latin1')
  }

  /** All that a pickle can make happen here, by opcode. */
  static readonly #STEPS: readonly (Step | undefined)[] = arrayOf<Step>({
    [op.PROTO]: (reader) => reader.#protocol(reader.#byte()),
    [op.FRAME]: (reader) => reader.#frame(reader.#uint64()),

    [op.MARK]: (reader) => reader.#mark(),
    [op.POP]: (reader) => reader.#pop(),
    [op.POP_MARK]: (reader) => reader.#drop(reader.#popMark()),

    [op.GET]: (reader) => reader.#get(reader.#index()),
    [op.BINGET]: (reader) => reader.#get(reader.#byte()),
    [op.LONG_BINGET]: (reader) => reader.#get(reader.#uint32()),
    [op.PUT]: (reader) => reader.#put(reader.#index()),
    [op.BINPUT]: (reader) => reader.#put(reader.#byte()),
    [op.LONG_BINPUT]: (reader) => reader.#put(reader.#uint32()),
    [op.MEMOIZE]: (reader) => reader.#put(reader.#memo.length),

    [op.NONE]: (reader) => reader.#push('null'),
    [op.NEWTRUE]: (reader) => reader.#push('true'),
    [op.NEWFALSE]: (reader) => reader.#push('false'),
    [op.INT]: (reader) => reader.#int(reader.#line()),
    [op.BININT]: (reader) => reader.#push(String(reader.#bytes.readInt32LE(reader.#skip(4)))),
    [op.BININT1]: (reader) => reader.#push(String(reader.#byte())),
    [op.BININT2]: (reader) => reader.#push(String(reader.#bytes.readUInt16LE(reader.#skip(2)))),
    [op.LONG]: (reader) => reader.#decimal(reader.#line().replace(/L$/, '')),
    [op.LONG1]: (reader) => reader.#long(reader.#byte()),
    [op.LONG4]: (reader) => reader.#long(reader.#uint32()),
    [op.FLOAT]: (reader) => reader.#float(reader.#line()),
    [op.BINFLOAT]: (reader) => reader.#push(floatText(reader.#bytes.readDoubleBE(reader.#skip(8)))),
    [op.UNICODE]: (reader) => reader.#push(quoteRawUnicode(reader.#line()) ?? malformed()),
    [op.SHORT_BINUNICODE]: (reader) => reader.#text(reader.#byte()),
    [op.BINUNICODE]: (reader) => reader.#text(reader.#uint32()),
    [op.BINUNICODE8]: (reader) => reader.#text(reader.#uint64()),

    [op.EMPTY_LIST]: (reader) => reader.#pushContainer(new Container('list')),
    [op.EMPTY_TUPLE]: (reader) => reader.#pushContainer(new Container('tuple')),
    [op.EMPTY_DICT]: (reader) => reader.#pushContainer(new Container('dict')),
    [op.LIST]: (reader) => reader.#collect('list', reader.#popMark()),
    [op.TUPLE]: (reader) => reader.#collect('tuple', reader.#popMark()),
    [op.DICT]: (reader) => reader.#collect('dict', reader.#popMark()),
    [op.TUPLE1]: (reader) => reader.#collect('tuple', reader.#stack.length - 1),
    [op.TUPLE2]: (reader) => reader.#collect('tuple', reader.#stack.length - 2),
    [op.TUPLE3]: (reader) => reader.#collect('tuple', reader.#stack.length - 3),
    [op.APPEND]: (reader) => reader.#grow('list', reader.#stack.length - 1),
    [op.APPENDS]: (reader) => reader.#grow('list', reader.#popMark()),
    [op.SETITEM]: (reader) => reader.#grow('dict', reader.#stack.length - 2),
    [op.SETITEMS]: (reader) => reader.#grow('dict', reader.#popMark()),
  })

  read(): Item {
    const steps = PickleReader.#STEPS
    const stop = op.STOP
    for (let code = this.#byte(); code !== stop; code = this.#byte()) {
      const step = steps[code]
      if (step === undefined) this.#refuse(code)
      else step(this)
    }
    const [value] = this.#stack
    return value === undefined || this.#stack.length > 1 || this.#marks.length > 0 ? malformed() : value
  }

  #refuse(code: number): never {
    const what = op.REFUSED.get(code)
    if (what === undefined) malformed()
    throw new PickleRefused(what)
  }

  /** Passes over `size` bytes and returns where they begin. */
  #skip(size: number): number {
    const start = this.#at
    if (start + size > this.#bytes.length) malformed()
    this.#at = start + size
    return start
  }

  #byte(): number {
    return this.#bytes[this.#skip(1)]!
  }

  #uint32(): number {
    return this.#bytes.readUInt32LE(this.#skip(4))
  }

  /** Past 2**53 it is not exact, and past all there is. */
  #uint64(): number {
    return Number(this.#bytes.readBigUInt64LE(this.#skip(8)))
  }

  #line(): string {
    const end = this.#latin1.indexOf('\n', this.#at)
    return end < 0 ? malformed() : this.#latin1.slice(this.#skip(end + 1 - this.#at), end)
  }

  #index(): number {
    const line = this.#line()
    return /^\d{1,10}$/.test(line) ? Number(line) : malformed()
  }

  #protocol(version: number): void {
    if (version > 5) throw new PickleRefused('a protocol newer than 5 (PROTO)')
  }

  #frame(length: number): void {
    if (this.#at < this.#frameEnd || length > this.#bytes.length - this.#at) malformed()
    this.#frameEnd = this.#at + length
  }

  #text(length: number): void {
    const start = this.#skip(length)
    // JSON has a character for each byte at the least.
    if (length > this.#left) throw this.#tooLarge()
    this.#push(quoteUtf8(this.#bytes, this.#latin1, start, this.#at) ?? malformed())
  }

  #long(length: number): void {
    if (length > MAX_LONG_BYTES) throw new PickleRefused(TOO_MANY_DIGITS)
    const start = this.#skip(length)
    if (length === 0) this.#push('0')
    else if (length <= 6) this.#push(String(this.#bytes.readIntLE(start, length)))
    else {
      const hex = Buffer.from(this.#bytes.subarray(start, this.#at)).reverse().toString('hex')
      this.#decimal(String(BigInt.asIntN(length * 8, BigInt('0x' + hex))))
    }
  }

  #int(line: string): void {
    if (line === '00') this.#push('false')
    else if (line === '01') this.#push('true')
    else this.#decimal(line)
  }

  #decimal(digits: string): void {
    if (!/^-?\d+$/.test(digits)) malformed()
    if (digits.length > MAX_DIGITS && digits.replace('-', '').length > MAX_DIGITS) {
      throw new PickleRefused(TOO_MANY_DIGITS)
    }
    this.#push(String(BigInt(digits)))
  }

  #float(line: string): void {
    const special = SPECIAL_FLOATS.get(line)
    if (special === undefined && !/^-?\d+(?:\.\d*)?(?:[eE][+-]?\d+)?$/.test(line)) malformed()
    this.#push(floatText(special ?? Number(line)))
  }

  #push(text: string): void {
    this.#spend(text.length + 1)
    this.#stack.push(text)
  }

  #pushContainer(container: Container): void {
    this.#spend(2)
    this.#stack.push(container)
  }

  /** Each character is paid for when it is pushed, again for each reference: what a memo can multiply is bounded. */
  #spend(characters: number): void {
    this.#left -= characters
    if (this.#left < 0 || this.#stack.length >= MAX_STACK) throw this.#tooLarge()
  }

  #tooLarge(): SessionTooLarge {
    return new SessionTooLarge(
      `A pickled session is more than ${this.#maxCharacters} bytes of JSON, ${MAX_DEPTH} levels or ${MAX_STACK} members of a tuple; it was not read and is left as it is.`,
    )
  }

  #top(): Item {
    const { length } = this.#stack
    return length > this.#fence ? this.#stack[length - 1]! : malformed()
  }

  #mark(): void {
    if (this.#marks.length >= MAX_DEPTH) throw this.#tooLarge()
    this.#fence = this.#stack.length
    this.#marks.push(this.#fence)
  }

  /** Takes the last mark away and returns where it stood. */
  #popMark(): number {
    const at = this.#marks.pop() ?? malformed()
    this.#fence = this.#marks.at(-1) ?? 0
    return at
  }

  #pop(): void {
    if (this.#marks.length > 0 && this.#fence === this.#stack.length) this.#popMark()
    else this.#drop(this.#stack.length - 1)
  }

  #drop(from: number): void {
    if (from < this.#fence) malformed()
    this.#stack.length = from
  }

  #collect(kind: 'list' | 'tuple' | 'dict', from: number): void {
    const container = new Container(kind)
    this.#move(from, container)
    this.#pushContainer(container)
  }

  #grow(kind: 'list' | 'dict', from: number): void {
    const container = from > this.#fence ? this.#stack[from - 1]! : malformed()
    if (typeof container === 'string' || container.kind !== kind) malformed()
    if (container.isFinished) throw new PickleRefused(`a ${kind} that contains itself`)
    this.#move(from, container)
  }

  /** What is on the stack from an index on becomes part of a container. */
  #move(from: number, container: Container): void {
    const { parts } = container
    const isDict = container.kind === 'dict'
    const stack = this.#stack
    if (from < this.#fence || (isDict && (stack.length - from) % 2 === 1)) malformed()
    for (let i = from; i < stack.length; i++) {
      const item = stack[i]!
      const isKey = isDict && (i - from) % 2 === 0
      if (typeof item === 'string') parts.push(isKey && !item.startsWith('"') ? `"${item}"` : item)
      else {
        if (isKey) throw new PickleRefused('a key that is a tuple')
        parts.push(item.text())
        container.height = Math.max(container.height, item.height + 1)
      }
    }
    if (container.height > MAX_DEPTH) throw this.#tooLarge()
    stack.length = from
  }

  #get(index: number): void {
    const item = this.#memo[index] ?? malformed()
    if (typeof item === 'string') this.#push(item)
    else {
      this.#spend(item.text().length - 1)
      this.#pushContainer(item)
    }
  }

  #put(index: number): void {
    // Python counts from nought, and no pickle holds more things than bytes.
    if (index >= this.#bytes.length) malformed()
    this.#memo[index] = this.#top()
  }
}

const TOO_MANY_DIGITS = `a whole number of more than ${MAX_DIGITS} digits`

const SPECIAL_FLOATS: ReadonlyMap<string, number> = new Map([
  ['nan', Number.NaN],
  ['inf', Number.POSITIVE_INFINITY],
  ['-inf', Number.NEGATIVE_INFINITY],
])

function malformed(): never {
  throw new Malformed()
}
