import {
  linkSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  renameSync,
  rmSync,
  statSync,
  utimesSync,
  writeFileSync,
} from 'node:fs'
import { join } from 'node:path'
import { setImmediate as turn } from 'node:timers/promises'
import type { LinkStore, Member } from '../../core/link-store.js'
import type { Clock, Sweep } from '../../core/types.js'
import { randomString } from '../../wire/crypto.js'

const ALPHABET = 'abcdefghijklmnopqrstuvwxyz0123456789'

/**
 * Records and groups in a folder beside the sessions: a file for each record, and for each group a folder with a file for each session,
 * which says since when it is there. When they end is the files' time. Only whole files appear under their names, and of all who rename one away one succeeds.
 */
export class FileLinks implements LinkStore {
  readonly #folder: string
  readonly #clock: Clock

  constructor(folder: string, prefix: string, clock: Clock) {
    this.#folder = join(folder, `.${prefix}_links`)
    this.#clock = clock
  }

  put(name: string, value: string, expires: number): void {
    renameSync(this.#written(value, expires), this.#record(name))
  }

  add(name: string, value: string, expires: number): boolean {
    const temporary = this.#written(value, expires)
    const path = this.#record(name)
    try {
      return linked(temporary, path) || (this.#expired(path) && linked(temporary, path))
    } finally {
      rmSync(temporary, { force: true })
    }
  }

  /** Takes a record away that is past its end; false where it is not, or somebody else did so. */
  #expired(path: string): boolean {
    if (this.#isAlive(path)) return false
    const mine = this.#temporary()
    try {
      renameSync(path, mine)
      if (!this.#isAlive(mine)) return true
      // It was another's by then.
      linked(mine, path)
      return false
    } catch (error) {
      if (codeOf(error) === 'ENOENT') return false
      throw error
    } finally {
      rmSync(mine, { force: true })
    }
  }

  get(name: string): string | null {
    return this.#read(this.#record(name))
  }

  take(name: string): string | null {
    const mine = this.#temporary()
    try {
      renameSync(this.#record(name), mine)
    } catch (error) {
      if (codeOf(error) === 'ENOENT') return null
      throw error
    }
    try {
      return this.#read(mine)
    } finally {
      rmSync(mine, { force: true })
    }
  }

  join(group: string, { key, since }: Member, expires: number): void {
    mkdirSync(this.#group(group), { recursive: true, mode: 0o700 })
    renameSync(this.#written(String(since), expires), join(this.#group(group), key))
  }

  leave(group: string, keys: readonly string[]): void {
    for (const key of keys) rmSync(join(this.#group(group), key), { force: true })
  }

  members(group: string): readonly Member[] {
    const folder = this.#group(group)
    return namesIn(folder).flatMap((key) => {
      const since = this.#read(join(folder, key))
      return since === null ? [] : [{ key, since: Number(since) }]
    })
  }

  sweep(now: number): Sweep {
    const ended = this.#ended(now)
    return {
      count: () => 0,
      next: async (limit) => {
        let cleared = 0
        while (cleared < limit) {
          const { done, value } = await ended.next()
          if (done) break
          rmSync(value, { force: true })
          cleared++
        }
        return cleared
      },
    }
  }

  /** Lets requests be served between. Folders of groups stay: whoever joins one just now must find it. */
  async *#ended(now: number): AsyncGenerator<string> {
    const folders = [this.#records(), ...namesIn(this.#groups()).map((group) => this.#group(group))]
    for (const folder of folders) {
      await turn()
      for (const name of namesIn(folder)) {
        const path = join(folder, name)
        if (endOf(path) <= now) yield path
      }
    }
  }

  #written(value: string, expires: number): string {
    const temporary = this.#temporary()
    writeFileSync(temporary, value, { mode: 0o600 })
    utimesSync(temporary, new Date(), new Date(Math.ceil(expires)))
    return temporary
  }

  #read(path: string): string | null {
    try {
      return this.#isAlive(path) ? readFileSync(path, 'utf8') : null
    } catch (error) {
      if (codeOf(error) === 'ENOENT') return null
      throw error
    }
  }

  #isAlive(path: string): boolean {
    return endOf(path) > this.#clock()
  }

  #temporary(): string {
    mkdirSync(this.#records(), { recursive: true, mode: 0o700 })
    return join(this.#folder, `.${randomString(16, ALPHABET)}`)
  }

  #records(): string {
    return join(this.#folder, 'records')
  }

  #groups(): string {
    return join(this.#folder, 'groups')
  }

  #record(name: string): string {
    return join(this.#records(), name)
  }

  #group(name: string): string {
    return join(this.#groups(), name)
  }
}

/** Gives a file one more name; false where somebody has that. */
function linked(file: string, path: string): boolean {
  try {
    linkSync(file, path)
    return true
  } catch (error) {
    if (codeOf(error) === 'EEXIST') return false
    throw error
  }
}

/** When a file's record ends, in milliseconds since 1970; long ago where somebody took it away. */
function endOf(path: string): number {
  return statSync(path, { throwIfNoEntry: false })?.mtimeMs ?? 0
}

function namesIn(folder: string): readonly string[] {
  try {
    return readdirSync(folder)
  } catch (error) {
    if (codeOf(error) === 'ENOENT') return []
    throw error
  }
}

function codeOf(error: unknown): string | undefined {
  return (error as NodeJS.ErrnoException).code
}
