import { tmpdir } from 'node:os'
import type { Codec } from '../codecs/codec.js'
import { type ExpiryRules, expiryAge, ownExpiry, remainingMoment } from '../core/expiry.js'
import { chain } from '../core/maybe.js'
import { NO_CELLS } from '../core/merge.js'
import type { Cells, Clock, Loaded, MaybePromise, Outcome, SessionEngine, SessionRecord } from '../core/types.js'
import { SessionFolder, type Stored, type Verdict } from './file/folder.js'
import { FileSweep } from './file/sweep.js'
import { FileLinks } from './links/in-folder.js'
import { FileIndex } from './user-index/in-folder.js'

export interface FileEngineOptions extends Partial<ExpiryRules> {
  /** Django's `SESSION_FILE_PATH`, which must be there (default: the system's temporary folder). */
  readonly folder?: string | null
  readonly codec: Codec
  /** What the files' names begin with (default `sessionid`). */
  readonly sessionCookieName?: string
  /**
   * Whether a save is on the disk before it is answered (default true). Without, it survives the end of this process but
   * perhaps no power cut; it costs a third then, and is done at once.
   */
  readonly sync?: boolean
  readonly clock?: Clock
}

/** Whatever is unfinished for so long, in milliseconds, will never be finished. */
const ORPHANED = 3_600_000

/**
 * Sessions in a folder, a file each. Django's `backends.file`, and its files; but saves compare before they replace, and a
 * write that fails is an error. `load` answers at once. Writers on one host or on one network file system exclude each
 * other by a lock beside the session, also in other processes.
 *
 * Django neither compares nor locks: its save, when it comes late, replaces what was saved meanwhile, as it does to other
 * Djangos. sojourn replaces nothing that Django has saved since it was loaded, but for the microseconds between its last
 * look and the rename. Django never ends a session whose `setExpiry` was given seconds; here it ends. All who write must
 * be the same user, since only its owner may move a file's time.
 *
 * @example
 * ```ts
 * import { signedCodec } from 'sojourn/codecs/signed'
 * import { fileEngine } from 'sojourn/engines/file'
 *
 * const codec = signedCodec({ secretKey: 'a long random text' })
 * const engine = fileEngine({ folder: '/var/lib/site/sessions', codec })
 * ```
 */
export function fileEngine(options: FileEngineOptions): SessionEngine {
  return new FileEngine(options)
}

class FileEngine implements SessionEngine {
  readonly name = 'file'
  readonly synchronous = true
  readonly users: FileIndex
  readonly links: FileLinks
  readonly #files: SessionFolder
  readonly #codec: Codec
  readonly #rules: ExpiryRules
  readonly #clock: Clock

  constructor(options: FileEngineOptions) {
    const { sync = true, sessionCookieName = 'sessionid' } = options
    this.#files = new SessionFolder(options.folder ?? tmpdir(), sessionCookieName, sync)
    this.#codec = options.codec
    this.#clock = options.clock ?? Date.now
    this.users = new FileIndex(options.folder ?? tmpdir(), sessionCookieName, this.#clock)
    this.links = new FileLinks(options.folder ?? tmpdir(), sessionCookieName, this.#clock)
    this.#rules = {
      sessionCookieAge: options.sessionCookieAge ?? 1_209_600,
      sessionExpireAtBrowserClose: options.sessionExpireAtBrowserClose ?? false,
      sessionAbsoluteAge: options.sessionAbsoluteAge ?? null,
      useTz: options.useTz ?? true,
      timeZone: options.timeZone ?? 'UTC',
    }
  }

  load(key: string): Loaded | null {
    const stored = this.#files.read(key)
    if (stored === null) return null
    const { text, time } = stored
    const cells = this.#decode(text)
    const end = remainingMoment(cells ?? NO_CELLS, this.#rules, time)
    if (end <= this.#clock()) return null
    const expires = (): number => end
    return { cells: cells ?? NO_CELLS, version: text, expires, corrupted: cells === null }
  }

  create(key: string, record: SessionRecord): MaybePromise<Outcome> {
    if (!this.#files.isKey(key)) return 'conflict'
    const text = this.#codec.encode(record.cells)
    const added = this.#files.add(key, text, this.#fileTime(record.cells, record.expires))
    return chain(added, (isNew) => (isNew ? { version: text } : 'conflict'))
  }

  save(key: string, record: SessionRecord, expected?: unknown): MaybePromise<Outcome> {
    const look = (): Verdict<Outcome> => {
      const stored = this.#files.read(key)
      if (stored === null || this.#isOver(stored)) return { answer: 'missing' }
      return expected === undefined || stored.text === expected ? 'go' : { answer: 'conflict' }
    }
    // Nothing is written or flushed for a save that has lost already.
    const first = look()
    if (first !== 'go') return first.answer
    const text = this.#codec.encode(record.cells)
    const time = this.#fileTime(record.cells, record.expires)
    return this.#files.replace<Outcome>(key, text, time, look, { version: text })
  }

  touch(key: string, expires: number): 'saved' | 'missing' {
    const timeOf = (stored: Stored): number | null =>
      this.#isOver(stored) ? null : this.#fileTime(this.#cellsOf(stored), expires)
    return this.#files.setTime(key, timeOf) ? 'saved' : 'missing'
  }

  delete(key: string, expected?: unknown): MaybePromise<'deleted' | 'missing' | 'conflict'> {
    return this.#remove(key, (stored) => {
      if (expected === undefined || stored.text === expected) return 'go'
      return { answer: this.#isOver(stored) ? 'missing' : 'conflict' }
    })
  }

  exists(key: string): boolean {
    return this.#files.has(key)
  }

  /** As a sweep does. What it had to pass over is an error, when the others are cleared. */
  async clearExpired(): Promise<number> {
    const sweep = this.sweep(this.#clock())
    const cleared = await sweep.next(Number.POSITIVE_INFINITY)
    const passedOver = await sweep.end()
    if (passedOver !== null) throw passedOver
    return cleared
  }

  /** Also removes what writers left that died: temporary files, Django's too, and locks, when they are an hour old. */
  sweep(now: number): FileSweep {
    const isOver = (stored: Stored): boolean => this.#isOver(stored, now)
    const decide = (stored: Stored): Verdict<'missing'> => (isOver(stored) ? 'go' : { answer: 'missing' })
    const remove = (key: string): MaybePromise<string> => this.#remove(key, decide)
    return new FileSweep(this.#files, { isOver, remove, orphaned: now - ORPHANED })
  }

  #remove<T>(key: string, decide: (stored: Stored) => Verdict<T>): MaybePromise<T | 'deleted' | 'missing'> {
    const look = (): Verdict<T | 'missing'> => {
      const stored = this.#files.read(key)
      return stored === null ? { answer: 'missing' } : decide(stored)
    }
    const first = look()
    return first === 'go' ? this.#files.remove<T | 'deleted' | 'missing'>(key, look, 'deleted') : first.answer
  }

  /**
   * The time of a file, in seconds, from which its session lasts until `expires`: for Django too, which adds the cookie's age.
   * What has a moment of its own ends then, whatever its time.
   */
  #fileTime(cells: Cells, expires: number): number {
    const now = this.#clock()
    const own = ownExpiry(cells, this.#rules)
    return Math.max(0, typeof own === 'string' ? now : expires - expiryAge(own, this.#rules, now) * 1000) / 1000
  }

  #isOver(stored: Stored, now = this.#clock()): boolean {
    return remainingMoment(this.#cellsOf(stored), this.#rules, stored.time) <= now
  }

  /** For its end alone: what cannot be read ends by the file's time, and nobody is kept from deleting it. */
  #cellsOf({ text }: Stored): Cells {
    try {
      return this.#decode(text) ?? NO_CELLS
    } catch {
      return NO_CELLS
    }
  }

  /** An empty file is an empty session: what Django puts there before it writes. */
  #decode(text: string): Cells | null {
    return text === '' ? NO_CELLS : this.#codec.decode(text)
  }
}
