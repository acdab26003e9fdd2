import { recordOf } from '../wire/link-names.js'
import type { Store } from './store.js'

/** What a session may have some of at once: a kind of ticket. */
export interface Few {
  /** Where those of a session are counted. */
  readonly counted: 'tks' | 'wss'
  /** The key of the session whose they are. */
  readonly of: string
  readonly most: number
  /** How long each is there, in milliseconds. */
  readonly lasts: number
}

/**
 * Keeps a record beside a session, of which it may have only so many at once; false where there are too many. It is counted with itself in it, so that
 * however many come at once there are never more.
 */
export async function putOneOfFew(
  { links, clock }: Store,
  { counted, of, most, lasts }: Few,
  name: string,
  value: string,
): Promise<boolean> {
  const [group, member, ends] = [recordOf(counted, of), name.slice(-40), clock() + lasts]
  await links.join(group, { key: member, since: 0 }, ends)
  if ((await links.members(group)).length > most) {
    await links.leave(group, [member])
    return false
  }
  await links.put(name, value, ends)
  return true
}
