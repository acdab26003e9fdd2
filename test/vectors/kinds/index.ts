import type { Check } from '../runner.js'
import { auth } from './auth.js'
import { cacheKinds } from './caches.js'
import { csrfKinds } from './csrf.js'
import { messageKinds } from './messages.js'
import { sessionKinds } from './sessions.js'
import { wire } from './wire.js'

/** Every kind that is reached, each in the file of its area. */
export const kinds: Readonly<Record<string, Check>> = {
  ...wire,
  ...sessionKinds,
  ...csrfKinds,
  ...auth,
  ...messageKinds,
  ...cacheKinds,
}
