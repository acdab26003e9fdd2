import { settingsFromEnv } from 'sojourn'
import { sojourn } from 'sojourn/sveltekit'
import { building } from '$app/environment'
import { demoUsers } from '$lib/users'

export const handle = sojourn(
  {
    secretKey: 'only for a first try',
    authenticationBackends: [demoUsers],
    // SECRET_KEY, DATABASE_URL and whatever else of Django's settings the environment has.
    ...settingsFromEnv(),
  },
  { building },
)
