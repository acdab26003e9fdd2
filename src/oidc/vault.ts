import type { Site } from '../core/site.js'
import { recordOf } from '../wire/link-names.js'
import { Sealer } from '../wire/seal.js'

/** What a provider gave at login, or at the last renewal. */
export interface Tokens {
  /** The ID token: by it the provider knows at logout which session is meant. */
  readonly id?: string
  readonly access?: string
  readonly refresh?: string
  /** When the access token is over, in milliseconds since 1970; absent where the provider did not say. */
  readonly ends?: number
  /** When all of it is forgotten: the session's own end. */
  readonly until: number
}

/**
 * The tokens of logins, beside the sessions and sealed: a session, which may be a cookie, stays small, and whoever reads the store has none of
 * them.
 */
export class Vault {
  readonly #site: Site
  readonly #sealer: Sealer

  constructor(site: Site) {
    const { secretKey, secretKeyFallbacks } = site.settings
    this.#site = site
    this.#sealer = new Sealer([secretKey, ...secretKeyFallbacks], 'oidc.tokens')
  }

  /** @param login the login group: it names the record, and what was sealed for another login does not open */
  async put(login: string, tokens: Tokens): Promise<void> {
    const sealed = this.#sealer.seal(JSON.stringify({ login, tokens }))
    await this.#site.store.links.put(nameOf(login), sealed, tokens.until)
  }

  async get(login: string): Promise<Tokens | null> {
    return this.#open(login, await this.#site.store.links.get(nameOf(login)))
  }

  /** Gives them back and keeps them no longer. */
  async take(login: string): Promise<Tokens | null> {
    return this.#open(login, await this.#site.store.links.take(nameOf(login)))
  }

  #open(login: string, sealed: string | null): Tokens | null {
    const text = sealed === null ? null : this.#sealer.open(sealed)
    if (text === null) return null
    const kept = JSON.parse(text) as { readonly login: string; readonly tokens: Tokens }
    return kept.login === login ? kept.tokens : null
  }
}

function nameOf(login: string): string {
  return recordOf('idt', login)
}
