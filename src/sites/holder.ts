import type { AuthPart } from '../auth/part.js'
import type { User } from '../auth/user.js'
import type { Site } from '../core/site.js'
import type { Ticket } from './tickets.js'

/** The user of a ticket, if they may still log in and have the password that they logged in with. */
export async function ticketHolder(site: Site, { user, backend, hash }: Ticket): Promise<User | null> {
  const part = site.part<AuthPart>('auth')
  const found = (await part.backends.get(backend)?.getUser(user)) ?? null
  return found !== null && part.hashes.verify(hash, found) !== null ? found : null
}
