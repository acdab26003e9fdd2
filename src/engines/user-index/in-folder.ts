import { mkdirSync, readdirSync, readFileSync, renameSync, rmdirSync, rmSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { setImmediate as turn } from 'node:timers/promises'
import type { Clock, IndexEntry, SessionIndex, Sweep } from '../../core/types.js'
import { base64url, randomString, saltedHmac } from '../../wire/crypto.js'

const ALPHABET = 'abcdefghijklmnopqrstuvwxyz0123456789'
/** Milliseconds that an entry outlives what was noted of its session's end, which may have been moved since. */
const SLACK = 120_000

/**
 * Which sessions a user has, in a folder beside the sessions: a folder for each user and in it a file for each session, so that
 * two writers never meet. Its name begins with a dot and not as sessions' do: Django does not look at it.
 */
export class FileIndex implements SessionIndex {
  readonly #folder: string
  readonly #clock: Clock

  constructor(folder: string, prefix: string, clock: Clock) {
    this.#folder = join(folder, `.${prefix}_users`)
    this.#clock = clock
  }

  put(entry: IndexEntry): readonly string[] {
    const folder = this.#folderOf(entry.user)
    const temporary = join(folder, `.${randomString(12, ALPHABET)}`)
    mkdirSync(folder, { recursive: true, mode: 0o700 })
    writeFileSync(temporary, JSON.stringify(entry), { mode: 0o600 })
    renameSync(temporary, join(folder, entry.key))
    return []
  }

  of(user: string): readonly IndexEntry[] {
    const entries = this.#names(this.#folderOf(user)).flatMap((name) => this.#read(user, name))
    const now = this.#clock()
    for (const { key, expires } of entries) if (expires + SLACK <= now) this.remove(user, [key])
    return entries.filter(({ expires }) => expires + SLACK > now)
  }

  remove(user: string, keys: readonly string[]): void {
    const folder = this.#folderOf(user)
    for (const key of keys) rmSync(join(folder, key), { force: true })
    try {
      rmdirSync(folder)
    } catch {
      // The user has other sessions, or somebody else was faster.
    }
  }

  /** What is past its end, of all users. */
  sweep(now: number): Sweep {
    const entries = this.#all()
    return {
      count: () => 0,
      next: async (limit) => {
        let cleared = 0
        while (cleared < limit) {
          const { done, value } = await entries.next()
          if (done) break
          if (value.expires + SLACK > now) continue
          this.remove(value.user, [value.key])
          cleared++
        }
        return cleared
      },
    }
  }

  /** Lets requests be served between. What cannot be read is passed over: it is somebody else's, or was never whole. */
  async *#all(): AsyncGenerator<IndexEntry> {
    for (const folder of this.#names(this.#folder)) {
      await turn()
      for (const name of quietly(() => this.#names(join(this.#folder, folder)))) {
        yield* quietly(() => readEntry(join(this.#folder, folder, name)))
      }
    }
  }

  #read(user: string, name: string): readonly IndexEntry[] {
    return readEntry(join(this.#folderOf(user), name)).filter((entry) => entry.user === user && entry.key === name)
  }

  #names(folder: string): readonly string[] {
    try {
      return readdirSync(folder).filter((name) => !name.startsWith('.'))
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code === 'ENOENT') return []
      throw error
    }
  }

  /** A user's id may hold anything, and a name of a folder may not. */
  #folderOf(user: string): string {
    return join(this.#folder, base64url(saltedHmac('sojourn.user', user, '')))
  }
}

/** Nothing where somebody took it away just now, or where it was never whole. */
function readEntry(path: string): readonly IndexEntry[] {
  try {
    return [JSON.parse(readFileSync(path, 'utf8')) as IndexEntry]
  } catch (error) {
    if (error instanceof SyntaxError || (error as NodeJS.ErrnoException).code === 'ENOENT') return []
    throw error
  }
}

function quietly<T>(read: () => readonly T[]): readonly T[] {
  try {
    return read()
  } catch {
    return []
  }
}
