import {
  linkSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  renameSync,
  rmdirSync,
  rmSync,
  statSync,
  utimesSync,
  writeFileSync,
} from 'node:fs'
import { join } from 'node:path'
import { setImmediate as turn } from 'node:timers/promises'
import type { Joined, LinkStore, Member } from '../../core/link-store.js'
import type { Clock, MaybePromise, Sweep } from '../../core/types.js'
import { finishing, isCode } from '../file/calls.js'
import { Claim, newToken } from '../file/lock.js'

/** What has not got its name after so many milliseconds is left of a process that ended. */
const BEING_WRITTEN = 3_600_000
/** How often one joins a group whose folder a sweep takes away at just that moment. */
const TRIES = 100

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
      if (isCode(error, 'ENOENT')) return false
      throw error
    } finally {
      rmSync(mine, { force: true })
    }
  }

  /** Under a lock, as sessions are. Who is taken for dead and loses it has replaced nothing. */
  replace(name: string, value: string, expires: number, expected: string): MaybePromise<boolean> {
    const path = this.#record(name)
    const isThere = (): boolean => this.#read(path) === expected
    if (!isThere()) return false
    const claim = new Claim(this.#private(`${name}_lock`), (token) => this.#private(token))
    const step = (): boolean => isThere() && this.#moved(claim.inside, path)
    return finishing(
      () => {
        this.#write(claim.prepared, value, expires)
        return claim.during(step)
      },
      () => claim.drop(),
    )
  }

  #moved(from: string, to: string): boolean {
    try {
      renameSync(from, to)
      return true
    } catch (error) {
      if (isCode(error, 'ENOENT')) return false
      throw error
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
      if (isCode(error, 'ENOENT')) return null
      throw error
    }
    try {
      return this.#read(mine)
    } finally {
      rmSync(mine, { force: true })
    }
  }

  join(group: string, { key, since }: Member, expires: number): void {
    const folder = this.#group(group)
    const temporary = this.#written(String(since), expires)
    for (let tries = 1; ; tries++) {
      try {
        mkdirSync(folder, { recursive: true, mode: 0o700 })
        renameSync(temporary, join(folder, key))
        return
      } catch (error) {
        if (isCode(error, 'ENOENT') && tries < TRIES) continue
        rmSync(temporary, { force: true })
        throw error
      }
    }
  }

  leave(group: string, keys: readonly string[]): void {
    for (const key of keys) rmSync(join(this.#group(group), key), { force: true })
  }

  members(group: string): readonly Joined[] {
    const folder = this.#group(group)
    return namesIn(folder).flatMap((key) => {
      const path = join(folder, key)
      const [expires, since] = [endOf(path), this.#read(path)]
      return since === null ? [] : [{ key, since: Number(since), expires }]
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
          rmSync(value, { recursive: true, force: true })
          cleared++
        }
        return cleared
      },
    }
  }

  /** The files that are past their end; takes the folders away that are empty then. Lets requests be served between. */
  async *#ended(now: number): AsyncGenerator<string> {
    yield* endedIn(this.#folder, now - BEING_WRITTEN)
    yield* endedIn(this.#records(), now)
    for (const group of namesIn(this.#groups())) {
      await turn()
      yield* endedIn(this.#group(group), now)
      removeEmpty(this.#group(group))
    }
  }

  #written(value: string, expires: number): string {
    const temporary = this.#temporary()
    try {
      this.#write(temporary, value, expires)
      return temporary
    } catch (error) {
      rmSync(temporary, { force: true })
      throw error
    }
  }

  #write(path: string, value: string, expires: number): void {
    writeFileSync(path, value, { mode: 0o600 })
    utimesSync(path, new Date(), new Date(Math.ceil(expires)))
  }

  #read(path: string): string | null {
    try {
      return this.#isAlive(path) ? readFileSync(path, 'utf8') : null
    } catch (error) {
      if (isCode(error, 'ENOENT')) return null
      throw error
    }
  }

  #isAlive(path: string): boolean {
    return endOf(path) > this.#clock()
  }

  #temporary(): string {
    mkdirSync(this.#records(), { recursive: true, mode: 0o700 })
    return this.#private(newToken())
  }

  #private(name: string): string {
    return join(this.#folder, `.${name}`)
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
    if (isCode(error, 'EEXIST')) return false
    throw error
  }
}

/** When a file's record ends, in milliseconds since 1970; long ago where somebody took it away. */
function endOf(path: string): number {
  return statSync(path, { throwIfNoEntry: false })?.mtimeMs ?? 0
}

/** The files of a folder that ended before a moment, and what was only being written, which locks are too. */
function* endedIn(folder: string, moment: number): Generator<string> {
  for (const name of namesIn(folder)) {
    const path = join(folder, name)
    const found = statSync(path, { throwIfNoEntry: false })
    if (found !== undefined && (name.startsWith('.') || found.isFile()) && found.mtimeMs <= moment) yield path
  }
}

function removeEmpty(folder: string): void {
  try {
    rmdirSync(folder)
  } catch (error) {
    // Somebody is in it, or came first.
    if (!isCode(error, 'ENOTEMPTY', 'EEXIST', 'ENOENT')) throw error
  }
}

function namesIn(folder: string): readonly string[] {
  try {
    return readdirSync(folder)
  } catch (error) {
    if (isCode(error, 'ENOENT')) return []
    throw error
  }
}
