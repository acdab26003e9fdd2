/** What every adapter exports besides its own `sojourn`: the functions that take a request. */
export * from '../auth/index.js'
export { getSession, isSessionUnavailable } from '../core/get-session.js'
export { getSignedCookie } from '../core/get-signed-cookie.js'
export * from '../csrf/index.js'
// Whoever imports an adapter alone can then write `declare module 'sojourn'`: TypeScript extends only modules it has read.
export type { Session, SessionData } from '../index.js'
export * from '../messages/index.js'
