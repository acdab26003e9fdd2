import { settingsFromEnv } from 'sojourn'
import { sojourn } from 'sojourn/h3'
import { demoUsers } from '../../shared/users'

declare module 'sojourn' {
  interface SessionData {
    cart: string[]
  }
}

export default sojourn({
  secretKey: 'only for a first try',
  authenticationBackends: [demoUsers],
  // SECRET_KEY, DATABASE_URL and whatever else of Django's settings the environment has.
  ...settingsFromEnv(),
})
