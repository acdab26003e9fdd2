import { constants as limits } from 'node:buffer'
import {
  closeSync,
  constants,
  fstatSync,
  futimesSync,
  linkSync,
  lstatSync,
  mkdirSync,
  openSync,
  readSync,
  renameSync,
  rmSync,
  statSync,
  writeFileSync,
} from 'node:fs'
import { opendir } from 'node:fs/promises'
import { join } from 'node:path'
import { setImmediate as turn } from 'node:timers/promises'
import { chain } from '../../core/maybe.js'
import type { MaybePromise } from '../../core/types.js'
import { ImproperlyConfigured } from '../../errors.js'
import { finishing, isCode, withoutNames } from './calls.js'
import { FolderFlush, flushAndClose } from './flush.js'
import { breakLock, Claim, newToken } from './lock.js'

/** What a session's key may be. `_out_` is how Django marks its temporary files. */
const KEY = /^(?!.*_out_)[A-Za-z0-9_-]{8,128}$/

/** Room for a key and a token in the 255 bytes of a file's name, and no slash of either kind. */
const PREFIX = /^[\x21-\x2e\x30-\x5b\x5d-\x7e]{1,80}$/
/** How the names end that are neither sessions nor Django's. */
const OURS = /(_lock|_new_[a-z0-9]{20})$/
/** A link is not followed, and a pipe that somebody put there is not waited for. Windows has neither flag. */
const READ = constants.O_RDONLY | (constants.O_NOFOLLOW ?? 0) | (constants.O_NONBLOCK ?? 0)
/** How often a step begins anew whose lock was taken away, or whose file Django deleted. */
const TRIES = 5

export interface Stored {
  readonly text: string
  /** When the file was written, or says it was: in milliseconds since 1970. */
  readonly time: number
}

/** What is in the folder: a session, or (without a key) something unfinished that its writer may have left. */
export interface Found {
  readonly name: string
  readonly key: string | null
}

/** What a look under the lock decided: an answer, or to do the one step that counts. */
export type Verdict<T> = { readonly answer: T } | 'go'

/**
 * The files of the sessions: `<prefix><key>`, as in Django. Everything else that is put there, and is soon gone, begins with a dot, so
 * that Django takes it for no session. No error names a file, since the name holds the key.
 */
export class SessionFolder {
  readonly #folder: string
  readonly #prefix: string
  readonly #base: string
  readonly #sync: boolean
  readonly #names: FolderFlush
  #buffer = Buffer.allocUnsafeSlow(16_384)
  #isReady = false

  constructor(folder: string, prefix: string, sync: boolean) {
    if (!PREFIX.test(prefix)) {
      throw new ImproperlyConfigured(
        'With the file engine sessionCookieName begins the names of files: at most 80 characters, no slash.',
      )
    }
    this.#folder = folder
    this.#prefix = prefix
    this.#base = join(folder, prefix)
    this.#sync = sync
    this.#names = new FolderFlush(folder)
  }

  isKey(key: string): boolean {
    return KEY.test(key)
  }

  read(key: string): Stored | null {
    return withoutNames(() => {
      const fd = this.#open(key)
      if (fd === null) return null
      try {
        return this.#readAll(fd)
      } finally {
        closeSync(fd)
      }
    })
  }

  has(key: string): boolean {
    return withoutNames(() => {
      const path = this.#path(key)
      if (path === null) return false
      if (lstatSync(path, { throwIfNoEntry: false }) !== undefined) return true
      this.#checkFolder()
      return false
    })
  }

  /** Sets a file's time, in seconds, to what `timeOf` says; false if there is no file, or it says `null`. */
  setTime(key: string, timeOf: (stored: Stored) => number | null): boolean {
    return withoutNames(() => {
      const fd = this.#open(key)
      if (fd === null) return false
      try {
        const stored = this.#readAll(fd)
        const time = stored === null ? null : timeOf(stored)
        // What replaced this file since it was opened has a time of its own, and keeps it.
        if (time !== null) futimesSync(fd, time, time)
        return time !== null
      } finally {
        closeSync(fd)
      }
    })
  }

  /** Adds a file, whole when it appears and never in the place of another; false if there is another. */
  add(key: string, text: string, time: number): MaybePromise<boolean> {
    return withoutNames(() => {
      const path = this.#path(key)
      if (path === null) return false
      const draft = this.#private(newToken())
      const linked = finishing(
        () => chain(this.#write(draft, text, time), () => link(draft, path)),
        () => rmSync(draft, { force: true }),
      )
      return chain(linked, (isNew) => (isNew ? chain(this.#flushNames(), () => true) : false))
    })
  }

  /** Replaces a file if `look`, under the lock, says so. */
  replace<T>(key: string, text: string, time: number, look: () => Verdict<T>, done: T): MaybePromise<T> {
    return this.#change(
      key,
      (claim) => this.#write(claim.prepared, text, time),
      look,
      (claim) => renameSync(claim.inside, this.#base + key),
      done,
    )
  }

  /** Removes a file if `look`, under the lock, says so. */
  remove<T>(key: string, look: () => Verdict<T>, done: T): MaybePromise<T> {
    return this.#change(
      key,
      (claim) => mkdirSync(claim.prepared, 0o700),
      look,
      (claim) => renameSync(this.#base + key, join(claim.inside, 'deleted')),
      done,
    )
  }

  /** The sessions, and what is unfinished; in no order. */
  async *walk(): AsyncGenerator<Found> {
    this.#ready()
    let seen = 0
    for await (const { name } of await opendir(this.#folder, { bufferSize: 256 })) {
      // So that requests are served between.
      if (++seen % 16 === 0) await turn()
      const key = name.startsWith(this.#prefix) ? name.slice(this.#prefix.length) : ''
      const isTemporary = key.includes('_out_') || (name.startsWith(`.${this.#prefix}`) && OURS.test(name))
      if (isTemporary) yield { name, key: null }
      else if (KEY.test(key)) yield { name, key }
    }
  }

  /** Removes what is unfinished, if it has been so since before `orphaned` (milliseconds since 1970). */
  clearOrphan(name: string, orphaned: number): void {
    withoutNames(() => {
      const path = join(this.#folder, name)
      const stat = lstatSync(path, { throwIfNoEntry: false })
      if (stat === undefined || stat.mtimeMs > orphaned) return
      if (name.endsWith('_lock')) breakLock(path, this.#private(newToken()))
      else rmSync(path, { recursive: true, force: true })
    })
  }

  /** Looks and does under the session's lock. `commit` is one rename that fails when the lock is no longer ours. */
  #change<T>(
    key: string,
    prepare: (claim: Claim) => MaybePromise<unknown>,
    look: () => Verdict<T>,
    commit: (claim: Claim) => void,
    done: T,
    tries = 1,
  ): MaybePromise<T> {
    return withoutNames(() => {
      const claim = this.#claim(key)
      const step = (): Verdict<T> | 'again' => {
        const seen = look()
        if (seen !== 'go') return seen
        try {
          commit(claim)
          return 'go'
        } catch (error) {
          if (isCode(error, 'ENOENT') && tries < TRIES) return 'again'
          throw error
        }
      }
      const verdict = finishing(
        () => chain(prepare(claim), () => claim.during(step)),
        () => claim.drop(),
      )
      return chain(verdict, (end): MaybePromise<T> => {
        if (end === 'again') return this.#change(key, prepare, look, commit, done, tries + 1)
        return end === 'go' ? chain(this.#flushNames(), () => done) : end.answer
      })
    })
  }

  #write(path: string, text: string, time: number): MaybePromise<void> {
    const fd = openSync(path, 'wx', 0o600)
    let waits = false
    try {
      writeFileSync(fd, text, 'latin1')
      futimesSync(fd, time, time)
      waits = this.#sync
    } finally {
      if (!waits) closeSync(fd)
    }
    return waits ? flushAndClose(fd) : undefined
  }

  #flushNames(): MaybePromise<void> {
    return this.#sync ? this.#names.flush() : undefined
  }

  /** `null` for what is no file: none at all, or a link or pipe that somebody put there. */
  #open(key: string): number | null {
    const path = this.#path(key)
    if (path === null) return null
    try {
      return openSync(path, READ)
    } catch (error) {
      if (isCode(error, 'ELOOP')) return null
      if (!isCode(error, 'ENOENT')) throw error
      this.#checkFolder()
      return null
    }
  }

  #readAll(fd: number): Stored | null {
    const stat = fstatSync(fd)
    if (!stat.isFile()) return null
    // Found out before there is memory for it.
    if (stat.size > limits.MAX_STRING_LENGTH) throw new Error('a file larger than any text')
    if (stat.size > this.#buffer.length) this.#buffer = Buffer.allocUnsafeSlow(stat.size)
    let length = 0
    for (let read = -1; read !== 0 && length < stat.size; length += read) {
      read = readSync(fd, this.#buffer, length, stat.size - length, null)
    }
    return { text: this.#buffer.toString('latin1', 0, length), time: Math.round(stat.mtimeMs) }
  }

  /** `null`, before anything is asked of the system, for what is no key. */
  #path(key: string): string | null {
    if (!KEY.test(key)) return null
    this.#ready()
    return this.#base + key
  }

  #claim(key: string): Claim {
    return new Claim(join(this.#folder, `.${this.#prefix}${key}_lock`), (token) => this.#private(token))
  }

  #private(token: string): string {
    return join(this.#folder, `.${this.#prefix}_new_${token}`)
  }

  #ready(): void {
    if (this.#isReady) return
    if (!statSync(this.#folder, { throwIfNoEntry: false })?.isDirectory()) {
      throw new ImproperlyConfigured(
        `The folder of sessionFilePath, ${JSON.stringify(this.#folder)}, is not there: make it, for this user alone.`,
      )
    }
    this.#isReady = true
  }

  /** A folder that has gone, or is not mounted, is no folder without sessions. */
  #checkFolder(): void {
    if (statSync(this.#folder, { throwIfNoEntry: false }) === undefined) {
      throw new Error('the folder of sessionFilePath has gone')
    }
  }
}

function link(draft: string, path: string): boolean {
  try {
    linkSync(draft, path)
    return true
  } catch (error) {
    if (isCode(error, 'EEXIST')) return false
    throw error
  }
}
