import type { Site } from 'sojourn'
import { userBackend } from 'sojourn/auth'

export interface DemoUser {
  readonly username: string
  readonly password: string
}

/** Printed at every start and known to everybody: never let a real site make such users. */
export const demoUsers: readonly DemoUser[] = [
  { username: 'ada', password: 'demo-ada-1815' },
  { username: 'grace', password: 'demo-grace-1906' },
]

/** Makes the users that are missing; a password takes about a second to hash. Says how many were made. */
export async function ensureDemoUsers(site: Site): Promise<number> {
  const users = userBackend(site)
  let made = 0
  for (const { username, password } of demoUsers) {
    if ((await users.getByUsername(username)) !== null) continue
    await users.createUser(username, password)
    made++
  }
  return made
}
