import type { LoginAttempt } from '../core/login-throttle.js'
import type { Scope } from '../core/scope.js'
import { type Credentials, REMOTE_USER } from './user.js'

/** What is told of an attempt; `null` for a user whom a proxy vouches for, which is none. */
export function attemptOf({ head, request }: Scope, credentials: Credentials): LoginAttempt | null {
  if (credentials[REMOTE_USER] !== undefined) return null
  const { username } = credentials
  const name = typeof username === 'string' ? username.normalize('NFKC').toLowerCase() : ''
  return { username: name, address: head.address, request }
}
