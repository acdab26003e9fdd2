/** One reply of Memcached: its code, the words after it, and the bytes that follow the line where it announces some. */
export interface Reply {
  readonly code: string
  readonly words: readonly string[]
  /** A view into what the socket delivered wherever it came in one piece. */
  readonly value: Uint8Array | null
}

/** Longer than any line that we ask for; what goes on without an end is not Memcached. */
const LONGEST_LINE = 2048
const LF = 10
const CR = 13
const LENGTH = /^\d{1,10}$/

/** Cuts what a connection delivers into replies. Values are counted, never searched: a line within one is not seen. */
export class Replies {
  /** What is no whole reply yet, as it came: a value of many pieces is put together once. */
  #held: Buffer[] = []
  #size = 0
  /** So many bytes must be there before it is worth looking again. */
  #needed = 1

  #hold(bytes: Buffer, at: number, needed: number): void {
    this.#held = at < bytes.length ? [bytes.subarray(at)] : []
    this.#size = bytes.length - at
    this.#needed = needed
  }

  /** The replies that are whole with this piece. Throws a `SyntaxError` for what is none: nothing can be read after it. */
  *read(piece: Buffer): Generator<Reply, void> {
    this.#held.push(piece)
    this.#size += piece.length
    if (this.#size < this.#needed) return
    const bytes = this.#held.length === 1 ? piece : Buffer.concat(this.#held, this.#size)
    let at = 0
    for (;;) {
      const end = bytes.indexOf(LF, at)
      if ((end === -1 ? bytes.length : end) - at > LONGEST_LINE) throw new SyntaxError('a line without an end')
      if (end === -1) {
        this.#hold(bytes, at, bytes.length - at + 1)
        return
      }
      if (bytes[end - 1] !== CR) throw new SyntaxError('a line that ends without CR LF')
      const [code = '', ...words] = bytes.toString('latin1', at, end - 1).split(' ')
      const begin = end + 1
      if (code !== 'VA') {
        at = begin
        yield { code, words, value: null }
        continue
      }
      const [length = '', ...flags] = words
      if (!LENGTH.test(length)) throw new SyntaxError('a value without a length')
      const close = begin + Number(length)
      if (bytes.length < close + 2) {
        this.#hold(bytes, at, close + 2 - at)
        return
      }
      if (bytes[close] !== CR || bytes[close + 1] !== LF) throw new SyntaxError('a value of another length')
      at = close + 2
      yield { code, words: flags, value: bytes.subarray(begin, close) }
    }
  }
}
