import type { Site } from '../core/site.js'
import { randomToken } from '../wire/crypto.js'
import { recordOf } from '../wire/link-names.js'

/** Milliseconds after which whoever is at it says so again, and after which others who have heard nothing new take its place. */
const AGAIN = 2000
const DEAD = 10_000
/** Milliseconds after which nobody knows of it any more. */
const FORGOTTEN = 60_000

/**
 * The turn to renew the tokens of a login, which one at a time has, on whatever machine. Who has it says so again and again, however long the provider
 * takes; so a process that died is known by its silence. That is measured by the clock of whoever waits, from when they have first seen it: no
 * two clocks are compared.
 */
export class Renewal {
  readonly #site: Site
  readonly #name: string
  /** What stands there while it is mine. */
  #mine = ''
  #saying: Promise<boolean> = Promise.resolve(true)
  #seen: string | null = null
  #since = 0

  constructor(site: Site, login: string) {
    this.#site = site
    this.#name = recordOf('renew', login)
  }

  /** Takes the turn; false where somebody has it. To be asked again then, by the same one who waits. */
  async begin(): Promise<boolean> {
    const { links } = this.#site.store
    const said = await links.get(this.#name)
    const now = performance.now()
    if (said !== this.#seen) this.#since = now
    this.#seen = said
    if (said !== null && now - this.#since < DEAD) return false
    this.#mine = randomToken(16)
    const ends = this.#ends(FORGOTTEN)
    return said === null ? links.add(this.#name, this.#mine, ends) : links.replace(this.#name, this.#mine, ends, said)
  }

  /** Does what the turn is for, and gives it back. */
  async during<T>(work: () => Promise<T>): Promise<T> {
    const again = setInterval(() => void this.isMine().catch(() => undefined), AGAIN)
    try {
      return await work()
    } finally {
      clearInterval(again)
      // Where that fails, whoever waits for it takes it in a while.
      await this.#say('', -1).catch(() => undefined)
    }
  }

  /** Says that it is under way; false where another has taken its place. */
  isMine(): Promise<boolean> {
    return this.#say(randomToken(16), FORGOTTEN)
  }

  #say(next: string, lasts: number): Promise<boolean> {
    const say = async (): Promise<boolean> => {
      const isMine = await this.#site.store.links.replace(this.#name, next, this.#ends(lasts), this.#mine)
      if (isMine) this.#mine = next
      return isMine
    }
    this.#saying = this.#saying.then(say, say)
    return this.#saying
  }

  #ends(lasts: number): number {
    return Math.ceil(this.#site.settings.clock()) + lasts
  }
}
