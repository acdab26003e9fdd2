/** What every adapter exports besides its own `sojourn`: the functions that take a request. */
export * from '../auth/index.js'
export { getSession } from '../core/get-session.js'
export * from '../csrf/index.js'
export * from '../messages/index.js'
