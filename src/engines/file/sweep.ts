import type { LongSweep } from '../../core/clear-expired.js'
import type { MaybePromise } from '../../core/types.js'
import type { Found, SessionFolder, Stored } from './folder.js'

/** What a sweep is told of its engine. */
export interface Sweeping {
  /** Whether a session is past its end. */
  readonly isOver: (stored: Stored) => boolean
  /** Removes a session if it still is, and says what it did. */
  readonly remove: (key: string) => MaybePromise<string>
  /** Before when, in milliseconds since 1970, what is unfinished was left by somebody who died. */
  readonly orphaned: number
}

/**
 * Goes once through the folder, and lets requests be served between. What fails for one file (it is another user's, or no text is so large)
 * is passed over and told at the end, so that it keeps none of the others.
 */
export class FileSweep implements LongSweep {
  readonly #files: SessionFolder
  readonly #sweeping: Sweeping
  #walk: AsyncGenerator<Found> | null = null
  /** How many files failed, by how. No error of the folder's names a file, as the name holds the key. */
  #failed = new Map<string, number>()

  constructor(files: SessionFolder, sweeping: Sweeping) {
    this.#files = files
    this.#sweeping = sweeping
  }

  async count(signal?: AbortSignal): Promise<number> {
    let over = 0
    for await (const { key } of this.#files.walk()) {
      if (signal?.aborted) break
      if (key !== null && (await this.#try(() => this.#isOver(key)))) over++
    }
    return over
  }

  /** Looks at the signal at each file: between two that are over there may be a million that are not. */
  async next(limit: number, signal?: AbortSignal): Promise<number> {
    if (this.#walk === null) {
      this.#walk = this.#files.walk()
      // What was counted before failed then; now it may not.
      this.#failed = new Map()
    }
    let cleared = 0
    while (cleared < limit && signal?.aborted !== true) {
      const { done, value } = await this.#walk.next()
      if (done) break
      if (await this.#try(() => this.#clear(value))) cleared++
    }
    return cleared
  }

  async end(): Promise<Error | null> {
    await this.#walk?.return(undefined)
    if (this.#failed.size === 0) return null
    const each = [...this.#failed].map(([how, files]) => `${how} (${files} ${files === 1 ? 'file' : 'files'})`)
    return new Error(each.sort().join(', '))
  }

  #isOver(key: string): boolean {
    const stored = this.#files.read(key)
    return stored !== null && this.#sweeping.isOver(stored)
  }

  async #clear({ name, key }: Found): Promise<boolean> {
    if (key !== null) return (await this.#sweeping.remove(key)) === 'deleted'
    this.#files.clearOrphan(name, this.#sweeping.orphaned)
    return false
  }

  async #try(work: () => MaybePromise<boolean>): Promise<boolean> {
    try {
      return await work()
    } catch (error) {
      const how = error instanceof Error ? error.message : 'an unknown failure'
      this.#failed.set(how, (this.#failed.get(how) ?? 0) + 1)
      return false
    }
  }
}
