import type { Keeper } from '../core/part.js'
import { scopeOf } from '../core/scope.js'
import { ImproperlyConfigured } from '../errors.js'

/** What a socket's request has been checked for, and whether its ticket is still to come. */
export interface Admission {
  /** Whom its ticket has to be for; `null` where the cookie names the session. */
  readonly aud: string | null
  readonly anonymous: boolean
  /** `waiting` until a ticket has come, good or not: there is no second try. */
  ticket: 'waiting' | 'good' | 'bad'
}

/** Under what the scope of a request keeps it. */
export const admissions: Keeper = {}

/** The admission of a request that waits for a ticket, or has had one. */
export function admissionOf(request: object): Admission & { readonly aud: string } {
  const admission = scopeOf(request).kept<Admission>(admissions)
  if (admission?.aud == null) {
    throw new ImproperlyConfigured('A ticket is taken after checkUpgrade with `aud`, which says whom it has to be for.')
  }
  return admission as Admission & { readonly aud: string }
}
