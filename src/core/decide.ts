/** What is known of a session when the response is about to leave. */
export interface Situation {
  /** The visitor sent a session cookie, good or not. */
  readonly cookieSent: boolean
  /** No key and no data: Django's `is_empty()`. A key that was never looked up counts as not empty. */
  readonly empty: boolean
  readonly accessed: boolean
  readonly modified: boolean
  /** The key changed in this request and the new one is stored already (`cycleKey()`, login). */
  readonly cycled: boolean
  /** The end of the session is due to be moved (`sessionSaveEveryRequest`, `sessionTouchAfter`). */
  readonly touchDue: boolean
  readonly status: number
}

export interface Decision {
  readonly action: 'none' | 'save' | 'touch' | 'cookie' | 'delete-cookie'
  /** Whether the response depends on the cookie, so that caches must be told (`Vary: Cookie`). */
  readonly vary: boolean
  /** Why a cookie is or is not sent, in words for a developer. */
  readonly reason: string
}

const decision = (action: Decision['action'], vary: boolean, reason: string): Decision => ({ action, vary, reason })

/**
 * What to do for the session at the end of a request: Django's `SessionMiddleware.process_response`, as a function of
 * values. Where it differs: a key that was cycled reaches the visitor even on a 5xx, since the old one is gone already.
 */
export function decide(s: Situation): Decision {
  if (s.empty) {
    if (s.cookieSent) return decision('delete-cookie', true, 'the cookie named no session, so it is deleted')
    if (s.accessed) return decision('none', true, 'the session was read, and it is empty')
    return decision('none', false, 'the session was not used')
  }
  if (s.modified || s.touchDue) {
    if (s.status >= 500) {
      if (s.cycled) return decision('cookie', true, 'the key was changed before the handler failed')
      return decision('none', s.accessed, `status ${s.status}: changes of a failed request are not kept`)
    }
    if (s.modified) return decision('save', true, 'the session was changed')
    return decision('touch', true, 'the end of the session was moved')
  }
  if (s.accessed) return decision('none', true, 'the session was read only')
  return decision('none', false, 'the session was not used')
}
