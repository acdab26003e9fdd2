import type { LinkStore } from '../core/link-store.js'
import { chain } from '../core/maybe.js'
import type { Store } from '../core/store.js'
import type { MaybePromise } from '../core/types.js'
import { randomToken } from '../wire/crypto.js'
import { recordOf } from '../wire/link-names.js'

const PREFIX = 'sjt_'

/** What a token stands for: kept under its hash, so that whoever reads the store can make no token of it. */
export interface StoredToken {
  readonly key: string
  readonly aud: string
  /** When it ends, in milliseconds since 1970. */
  readonly exp: number
}

/** Keeps what a new token stands for, and gives the token, which is kept nowhere. */
export async function putToken({ links }: Store, stored: StoredToken): Promise<string> {
  const token = PREFIX + randomToken()
  await links.put(nameOf(token), JSON.stringify(stored), stored.exp)
  return token
}

/** What the store has of one token. */
export class TokenRecord {
  readonly #links: LinkStore
  readonly #name: string
  #stored: StoredToken | null = null

  constructor(links: LinkStore, name: string) {
    this.#links = links
    this.#name = name
  }

  read(): MaybePromise<StoredToken | null> {
    return chain(this.#links.get(this.#name), (text) => {
      this.#stored = text === null ? null : (JSON.parse(text) as StoredToken)
      return this.#stored
    })
  }

  /** The session goes on under another key, by the same token. */
  renamed(key: string): MaybePromise<void> {
    const stored = this.#stored as StoredToken
    return this.#links.put(this.#name, JSON.stringify({ ...stored, key }), stored.exp)
  }

  remove(): MaybePromise<void> {
    return chain(this.#links.take(this.#name), () => undefined)
  }
}

/** Under which name the store has a token. */
export function nameOf(token: string): string {
  return recordOf('st', token)
}

/**
 * The session token of an `Authorization` header; `undefined` where it holds none of ours, but perhaps somebody else's. RFC 6750 section 2.1:
 * the scheme in any case, and one blank or more.
 */
export function bearerOf(authorization: string | undefined): string | undefined {
  return /^bearer +(sjt_\S*) *$/i.exec(authorization ?? '')?.[1]
}
