import { settingsFromEnv } from 'sojourn'
import { sojourn } from 'sojourn/next'
import { demoUsers } from './users'

declare module 'sojourn' {
  interface SessionData {
    cart: string[]
  }
}

export const { action, getRequest, getSession, proxy, withSession } = sojourn({
  secretKey: 'only for a first try',
  authenticationBackends: [demoUsers],
  // A component can forget messages that are in the session, and no cookie.
  messageStorage: 'session',
  // SECRET_KEY, DATABASE_URL and whatever else of Django's settings the environment has.
  ...settingsFromEnv(),
})
