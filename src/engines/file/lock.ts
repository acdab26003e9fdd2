import { mkdirSync, readdirSync, renameSync, rmdirSync, rmSync } from 'node:fs'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { StoreAnswered } from '../../core/answer.js'
import type { MaybePromise } from '../../core/types.js'
import { randomString } from '../../wire/crypto.js'
import { isCode } from './calls.js'

/** Milliseconds that one waits for other processes, which hold a lock for microseconds. */
const PATIENCE = 400
/** Milliseconds after which a holder that was seen all the time counts as dead. */
const DEAD = 150

const LETTERS = 'abcdefghijklmnopqrstuvwxyz0123456789'

/**
 * A private folder with one thing in it, named by a token that nobody else has. Whatever takes long is prepared there;
 * then the folder itself becomes the lock, by being renamed to the lock's name.
 *
 * The kernel lets no folder replace one that holds something, so one claim at a time has the name. And since the only step
 * that counts is one rename to or from `inside`, whose path holds the token, that step is done by the holder or fails:
 * whoever is taken for dead and wakes up again finds no such path. So a lock may be taken away from its holder at any time
 * without harm, and no clock, process number or host name has to be believed.
 */
export class Claim {
  /** Where this claim's one thing is while the claim holds the lock; no path at all when it does not. */
  readonly inside: string
  /** Where it is prepared. */
  readonly prepared: string
  readonly #folder: string
  readonly #lock: string
  readonly #folderOf: (token: string) => string
  #isTaken = false

  /**
   * @param lock the name of the lock
   * @param folderOf where a folder with this token may be made; it and the lock are on one file system
   */
  constructor(lock: string, folderOf: (token: string) => string) {
    const token = newToken()
    this.#lock = lock
    this.#folderOf = folderOf
    this.#folder = folderOf(token)
    this.prepared = join(this.#folder, token)
    this.inside = join(lock, token)
    mkdirSync(this.#folder, 0o700)
  }

  /** Takes the lock, at once if nobody has it, and runs `step`. */
  during<T>(step: () => T): MaybePromise<T> {
    return this.#take() ? step() : this.#wait().then(step)
  }

  /** Lets go, and removes what is left. What cannot be removed is in nobody's way and stays for `clearExpired`. */
  drop(): void {
    if (!this.#isTaken) return void quietly(() => rmSync(this.#folder, { recursive: true, force: true }))
    const rest = (): boolean => quietly(() => rmdirSync(this.#lock))
    // Where the step was done the lock is empty. If not, or if it was taken from us, only what is ours goes first.
    if (rest()) return
    quietly(() => rmSync(this.inside, { recursive: true, force: true }))
    rest()
  }

  async #wait(): Promise<void> {
    const begun = performance.now()
    let since = begun
    let seen: string | undefined
    do {
      const now = performance.now()
      if (now - begun > PATIENCE) throw new StoreAnswered(`another process held the file for ${PATIENCE} ms`)
      const holder = holderOf(this.#lock)
      if (holder !== seen) {
        seen = holder
        since = now
      } else if (holder !== undefined && now - since > DEAD) {
        breakLock(this.#lock, this.#folderOf(newToken()))
      }
      await sleep(1 + Math.random() * 4)
    } while (!this.#take())
  }

  #take(): boolean {
    try {
      renameSync(this.#folder, this.#lock)
      this.#isTaken = true
      return true
    } catch (error) {
      // Windows says EPERM, and lets no folder replace even an empty one.
      if (isCode(error, 'ENOTEMPTY', 'EEXIST', 'EPERM')) return false
      throw error
    }
  }
}

/** A name that nobody else has. */
export function newToken(): string {
  return randomString(20, LETTERS)
}

/** Takes a lock away from whoever holds it, with all that is in it, by renaming it to a name that nobody has. */
export function breakLock(lock: string, away: string): void {
  try {
    renameSync(lock, away)
  } catch (error) {
    if (!isCode(error, 'ENOENT')) throw error
  }
  rmSync(away, { recursive: true, force: true })
}

/** The token of the claim that holds a lock; `undefined` if none does. */
function holderOf(lock: string): string | undefined {
  try {
    return readdirSync(lock)[0]
  } catch (error) {
    if (isCode(error, 'ENOENT')) return undefined
    throw error
  }
}

function quietly(run: () => void): boolean {
  try {
    run()
    return true
  } catch {
    return false
  }
}
