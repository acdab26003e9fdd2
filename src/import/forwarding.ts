import type { Store } from '../core/store.js'
import type { Version } from '../core/types.js'
import { saltedHmac } from '../wire/crypto.js'

const CELL = '_sojourn_moved_to'
const SALT = 'sojourn.import'
/** What Django's column has room for. */
const KEY_LENGTH = 40

/** What is known of an old session: somebody is moving it (`to` is null), or has moved it to a session of ours. */
export interface Forwarded {
  readonly to: string | null
  /** When it was said, in milliseconds since 1970. */
  readonly at: number
  /** When it is forgotten, in milliseconds since 1970. */
  readonly until: number
  /** Whether an answer has told its visitor of that session's key. */
  readonly isTold?: boolean
  /** Where it is written, and what a change of it expects to find there. */
  readonly key: string
  readonly version: Version
}

/**
 * The forwarding address of one old session. It is a record in the session store itself, under a key that only the site can make of the old
 * session's id, so that `create` decides between processes who moves the session, and nobody who knows the old id comes upon it.
 */
export class Forwarding {
  readonly #store: Store
  /** By the site's secret, then by those that it had before. */
  readonly #keys: readonly [string, ...string[]]
  /** When it is forgotten, in milliseconds since 1970: not before the old session is over. */
  readonly #expires: number

  constructor(store: Store, name: string, id: string) {
    const { secretKey, secretKeyFallbacks, sessionCookieAge, clock } = store.settings
    const keyBy = (secret: string | Uint8Array): string =>
      saltedHmac(SALT, `${name}\n${id}`, secret).toString('hex').slice(0, KEY_LENGTH)
    this.#store = store
    this.#keys = [keyBy(secretKey), ...secretKeyFallbacks.map(keyBy)]
    this.#expires = clock() + sessionCookieAge * 1000
  }

  /** Names the old session among those that are being moved in this process. */
  get name(): string {
    return this.#keys[0]
  }

  /** What is known of the old session; `null` if nothing is. */
  async find(): Promise<Forwarded | null> {
    for (const key of this.#keys) {
      const loaded = await this.#store.load(key)
      const text = loaded?.cells.get(CELL)
      if (loaded && text !== undefined) return { ...(JSON.parse(text) as Entry), key, version: loaded.version }
    }
    return null
  }

  /**
   * Says that we move it, where `before` is still what is known. `null` if somebody else was quicker.
   *
   * @param lasts when the old session ends by itself, in milliseconds since 1970: so long it is remembered, at the least
   */
  claim(before: Forwarded | null, lasts = 0): Promise<Forwarded | null> {
    const at = this.#store.clock()
    return this.#write(before, { to: null, at, until: Math.max(this.#expires, lasts) + DAY })
  }

  /** Says where it went. `null` if somebody else claimed it meanwhile, because we took so long. */
  settle(claimed: Forwarded, to: string): Promise<Forwarded | null> {
    return this.#write(claimed, { to, at: this.#store.clock(), until: claimed.until })
  }

  /** Says that an answer tells of the session that it leads to, now. `null` if something else was said meanwhile. */
  tell({ to, until, key, version }: Forwarded): Promise<Forwarded | null> {
    return this.#write({ key, version }, { to, at: this.#store.clock(), until, isTold: true })
  }

  /** Takes back what is known: the next one may try. False if somebody has said more meanwhile. */
  async release({ key, version }: Forwarded): Promise<boolean> {
    return (await this.#store.delete(key, version)) !== 'conflict'
  }

  async #write(before: Pick<Forwarded, 'key' | 'version'> | null, entry: Entry): Promise<Forwarded | null> {
    const record = { cells: new Map([[CELL, JSON.stringify(entry)]]), expires: entry.until }
    const key = before?.key ?? this.name
    const outcome =
      before === null ? await this.#store.create(key, record) : await this.#store.save(key, record, before.version)
    return typeof outcome === 'object' ? { ...entry, key, version: outcome.version } : null
  }
}

type Entry = Omit<Forwarded, 'key' | 'version'>

/** Whatever still runs of the old application may have moved the old session's end a little. */
const DAY = 86_400_000
