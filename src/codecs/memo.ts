/** Of each of the two generations. */
const MEMO_ENTRIES = 2048
const MEMO_BYTES = 8 * 1024 * 1024

interface Entry<T> {
  readonly value: T
  readonly size: number
}

/** What was read or written of late: a page, its images and its scripts ask for the same one again and again. */
export class Memo<T> {
  #young = new Map<string, Entry<T>>()
  #old = new Map<string, Entry<T>>()
  #bytes = 0

  get(name: string): T | undefined {
    const young = this.#young.get(name)
    if (young !== undefined) return young.value
    const old = this.#old.get(name)
    if (old !== undefined) this.#add(name, old)
    return old?.value
  }

  /** @param size how many bytes it takes, roughly */
  set(name: string, value: T, size: number): void {
    this.#add(name, { value, size })
  }

  #add(name: string, entry: Entry<T>): void {
    if (this.#young.size >= MEMO_ENTRIES || this.#bytes > MEMO_BYTES) {
      this.#old = this.#young
      this.#young = new Map()
      this.#bytes = 0
    }
    this.#young.set(name, entry)
    this.#bytes += entry.size
  }
}
