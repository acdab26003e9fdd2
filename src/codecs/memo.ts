/** Of each of the two generations. */
const MEMO_ENTRIES = 2048
const MEMO_CHARACTERS = 4 * 1024 * 1024

/**
 * What was read or written of late, by its text: a page, its images and its scripts bring the same one again and again. Only
 * the very same text gets it out.
 */
export class Memo<T> {
  #young = new Map<string, T>()
  #old = new Map<string, T>()
  #characters = 0

  get(text: string): T | undefined {
    const young = this.#young.get(text)
    if (young !== undefined) return young
    const old = this.#old.get(text)
    if (old !== undefined) this.set(text, old)
    return old
  }

  set(text: string, decoded: T): void {
    if (this.#young.size >= MEMO_ENTRIES || this.#characters > MEMO_CHARACTERS) {
      this.#old = this.#young
      this.#young = new Map()
      this.#characters = 0
    }
    this.#young.set(text, decoded)
    this.#characters += text.length
  }
}
