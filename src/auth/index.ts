/** Login: who the visitor is, kept in the session as Django keeps it. */
export type { LoginAttempt, LoginThrottle } from '../core/login-throttle.js'
export { authenticate } from './authenticate.js'
export { getUser } from './get-user.js'
export {
  type GuardOptions,
  loginRequired,
  type PermissionOptions,
  permissionRequired,
  requireLogin,
  requireRecentAuth,
  userPassesTest,
} from './guards.js'
export {
  checkPassword,
  type HasherName,
  identifyHasher,
  isPasswordUsable,
  makePassword,
  mustUpgradePassword,
  type PasswordRules,
} from './hashers/index.js'
export { login, logout, updateSessionAuthHash } from './login.js'
export { ModelBackend, type UserFields } from './model-backend.js'
export type { ModelUser } from './model-user.js'
export { userBackend } from './part.js'
export { getAllPermissions, hasPerm } from './permissions.js'
export { RemoteUserBackend } from './remote-user.js'
export { safeNext } from './safe-next.js'
export { getSessionAuthHash } from './session-hash.js'

export { type AnonymousUser, type Credentials, REMOTE_USER, type User, type UserBackend } from './user.js'
