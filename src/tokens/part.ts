import * as commit from '../core/commit.js'
import { chain } from '../core/maybe.js'
import type { Part } from '../core/part.js'
import type { Scope } from '../core/scope.js'
import type { ResolvedSettings } from '../core/settings.js'
import type { MaybePromise, PlainResponse, ResponseHead } from '../core/types.js'
import { bearerOf, nameOf, TokenRecord } from './record.js'

/** How often a session that is not there is looked for under another key, and milliseconds before each time. */
const TRIES = 2
const PAUSE = 25
/** The header of django-allauth's headless API. */
const ALLAUTH = 'X-Session-Token'

/** How a request named its session: by a token, under whose name the store has the key, or by the key itself. */
interface Named {
  readonly key: string
  readonly token: TokenRecord | null
}

/**
 * Sessions of programs, as a part of a site: named by a token in a header instead of a cookie. All else is as with a cookie, but that no
 * cookie is sent and no form's token asked for.
 */
export class TokensPart implements Part {
  readonly name = 'tokens'
  readonly #audiences: ReadonlySet<string>
  readonly #allauth: boolean

  constructor({ sessionTokenAudiences, sessionTokenAllauth }: ResolvedSettings) {
    this.#audiences = new Set(sessionTokenAudiences)
    this.#allauth = sessionTokenAllauth
  }

  begin(scope: Scope): MaybePromise<PlainResponse | undefined> {
    const { head, site } = scope
    const token = this.#audiences.size > 0 ? bearerOf(head.header('authorization')) : undefined
    const key = this.#allauth && token === undefined ? head.header(ALLAUTH.toLowerCase()) : undefined
    if (token === undefined && key === undefined) return undefined
    // A browser sends its cookie by itself: nobody could say whose request it is.
    if (scope.cookie(site.settings.sessionCookieName) !== undefined) return refused(400, 'invalid_request')
    const named = token === undefined ? { key: key as string, token: null } : this.#lookUp(scope, token)
    return chain(named, (found) => (found === null ? unknown() : this.#enter(scope, found)))
  }

  #lookUp({ site }: Scope, token: string): MaybePromise<Named | null> {
    const record = new TokenRecord(site.store.links, nameOf(token))
    return chain(record.read(), (stored) =>
      stored !== null && this.#audiences.has(stored.aud) ? { key: stored.key, token: record } : null,
    )
  }

  /** A program that is told nothing would go on as a visitor without a session, so a session that is over is an answer of its own. */
  #enter(scope: Scope, named: Named, tries = TRIES): MaybePromise<PlainResponse | undefined> {
    scope.named(named.key)
    return chain(commit.load(scope.state), () => {
      const { key, unavailable } = scope.state
      if (unavailable !== null && scope.state.cells().size === 0) throw unavailable
      if (key === null) return tries === 0 ? unknown() : this.#again(scope, named, tries - 1)
      scope.state.follower = named.token
      scope.keep<Named>(this, () => named)
      return undefined
    })
  }

  /** The session may just be given another key by another request of this program. */
  async #again(scope: Scope, { token }: Named, tries: number): Promise<PlainResponse | undefined> {
    if (token === null) return unknown()
    await new Promise((resolve) => setTimeout(resolve, PAUSE))
    const stored = await token.read()
    if (stored === null) return unknown()
    scope.state.phase = 'unread'
    return this.#enter(scope, { key: stored.key, token }, tries)
  }

  /** The token of a session that was ended is of no more use. */
  finish(scope: Scope, response: ResponseHead): MaybePromise<void> {
    const { key, token } = scope.kept<Named>(this) as Named
    const { state } = scope
    if (state.generation > 0) return token?.remove()
    if (token === null && state.key !== null && state.key !== key) response.set(ALLAUTH, state.key)
  }
}

function unknown(): PlainResponse {
  return refused(401, 'invalid_token')
}

/** RFC 6750 section 3.1. */
function refused(status: number, error: 'invalid_request' | 'invalid_token'): PlainResponse {
  const body =
    status === 400 ? 'Send a session cookie or a session token, not both.' : 'This session is over, or never was.'
  return {
    status,
    headers: {
      'Content-Type': 'text/plain; charset=utf-8',
      'Cache-Control': 'no-store',
      'WWW-Authenticate': `Bearer error="${error}"`,
    },
    body,
  }
}
