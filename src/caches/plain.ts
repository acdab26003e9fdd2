import { runtime } from '../core/runtime.js'
import type { Cache, Cached, Stored } from './cache.js'

/** What any key-value store can do. Values are texts; `expires` is a moment in milliseconds since 1970, a hint that may be ignored. */
export interface PlainStore {
  get(key: string): Promise<string | null | undefined>
  set(key: string, value: string, expires: number): Promise<unknown>
  delete(key: string): Promise<unknown>
  close?(): Promise<void> | void
}

/**
 * A cache over a store that can neither compare nor add: its steps are taken one after the other for each key, so that within
 * this process nothing is lost (but on Workers, where no request waits for another). Between processes the last write wins, and a late save may bring back what another process deleted: hence
 * `last-write-wins`.
 */
export class PlainCache implements Cache {
  readonly name: string
  readonly synchronous = false
  readonly consistency = 'last-write-wins'
  readonly #store: PlainStore
  readonly #clock: () => number
  readonly #last = new Map<string, Promise<unknown>>()

  constructor(name: string, store: PlainStore, clock: () => number = Date.now) {
    this.name = name
    this.#store = store
    this.#clock = clock
  }

  async get(key: string): Promise<Cached | null> {
    const text = await this.#store.get(key)
    const found = typeof text === 'string' ? ENVELOPE.exec(text) : null
    if (found === null || typeof text !== 'string') return null
    const expires = Number(found[1])
    if (expires <= this.#clock()) return null
    return { value: bytesOf(text.slice(found[0].length)), version: text.slice(found[0].length), expires }
  }

  add(key: string, value: Uint8Array, expires: number): Promise<Stored | 'conflict'> {
    return this.#inTurn(key, async () => ((await this.has(key)) ? 'conflict' : this.#set(key, textOf(value), expires)))
  }

  replace(
    key: string,
    value: Uint8Array,
    expires: number,
    expected?: unknown,
  ): Promise<Stored | 'missing' | 'conflict'> {
    return this.#inTurn(key, async () => {
      const found = await this.get(key)
      if (found === null) return 'missing'
      if (expected !== undefined && found.version !== expected) return 'conflict'
      return this.#set(key, textOf(value), expires)
    })
  }

  touch(key: string, expires: number): Promise<'saved' | 'missing'> {
    return this.#inTurn(key, async () => {
      const found = await this.get(key)
      if (found === null) return 'missing'
      await this.#set(key, found.version as string, expires)
      return 'saved'
    })
  }

  delete(key: string, expected?: unknown): Promise<'deleted' | 'missing' | 'conflict'> {
    return this.#inTurn(key, async () => {
      const found = await this.get(key)
      if (found !== null && expected !== undefined && found.version !== expected) return 'conflict'
      await this.#store.delete(key)
      return found === null ? 'missing' : 'deleted'
    })
  }

  async has(key: string): Promise<boolean> {
    return (await this.get(key)) !== null
  }

  async close(): Promise<void> {
    await this.#store.close?.()
  }

  async #set(key: string, text: string, expires: number): Promise<Stored> {
    await this.#store.set(key, `${Math.ceil(expires)}:${text}`, expires)
    return { version: text }
  }

  async #inTurn<T>(key: string, step: () => Promise<T>): Promise<T> {
    if (!runtime.shares) return step()
    const before = this.#last.get(key)
    const mine = before === undefined ? step() : before.then(step, step)
    this.#last.set(key, mine)
    try {
      return await mine
    } finally {
      if (this.#last.get(key) === mine) this.#last.delete(key)
    }
  }
}

/** When it ends stands before the value: not every store keeps ends, and few tell them. */
const ENVELOPE = /^(\d{1,16}):/

/** Texts are what every store can keep; one character for each byte, in an alphabet that no encoding changes. */
function textOf(value: Uint8Array): string {
  return Buffer.from(value.buffer, value.byteOffset, value.byteLength).toString('base64')
}

function bytesOf(text: string): Uint8Array {
  return Buffer.from(text, 'base64')
}
