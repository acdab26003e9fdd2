import { deleteCookie, setCookie } from '../wire/set-cookie.js'
import { atBrowserClose, ownExpiry, remainingAge } from './expiry.js'
import type { SessionState } from './session.js'
import type { ResolvedSettings } from './settings.js'

/** The Set-Cookie lines of a site's sessions. */
export class SessionCookie {
  readonly #settings: ResolvedSettings

  constructor(settings: ResolvedSettings) {
    this.#settings = settings
  }

  /** The cookie of a session that was just stored. `secure`: the visitor came by HTTPS. */
  of(state: SessionState, secure: boolean): string {
    const settings = this.#settings
    const { baseline: cells } = state
    const now = settings.clock()
    const closes = atBrowserClose(ownExpiry(cells, settings), settings)
    const maxAge = closes ? undefined : remainingAge(cells, settings, now)
    return setCookie(settings.sessionCookieName, state.key as string, {
      domain: settings.sessionCookieDomain ?? undefined,
      path: settings.sessionCookiePath,
      secure: settings.sessionCookieSecure === 'auto' ? secure : settings.sessionCookieSecure,
      httpOnly: settings.sessionCookieHttponly,
      sameSite: settings.sessionCookieSamesite,
      partitioned: settings.sessionCookiePartitioned,
      maxAge,
      expires: maxAge === undefined ? undefined : now + maxAge * 1000,
    })
  }

  /** Takes the cookie away. */
  deletion(): string {
    const settings = this.#settings
    return deleteCookie(settings.sessionCookieName, {
      domain: settings.sessionCookieDomain ?? undefined,
      path: settings.sessionCookiePath,
      sameSite: settings.sessionCookieSamesite,
      partitioned: settings.sessionCookiePartitioned,
    })
  }
}
