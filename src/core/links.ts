import { ImproperlyConfigured, StoreUnavailable } from '../errors.js'
import { StoreAnswered } from './answer.js'
import { type GroupOf, isInCookie, type Membership } from './link-mark.js'
import type { LinkStore } from './link-store.js'
import { chain, inOrder } from './maybe.js'
import type { Clock, MaybePromise } from './types.js'

/** Whose sessions are to end. */
export type EndOf =
  | { readonly group: string }
  | { readonly user: string | number }
  | { readonly iss: string; readonly clientId: string; readonly sid: string }
  /** Those of a user of an issuer's whose ID token is not younger than `before`, in seconds by the issuer's clock. */
  | { readonly iss: string; readonly clientId: string; readonly sub: string; readonly before: number }

/** The records and groups of a store, and how it calls them. */
export interface Linked {
  readonly links: LinkStore
  readonly groupOf: GroupOf
}

/** Before a group's sessions are looked up it is marked as over: whoever joins meanwhile sees that. */
const tomb = (group: string): string => `tomb.${group}`

/** How often a mark is made that others change meanwhile. Each of them makes it later, until it needs no more. */
const TRIES = 100

/** Puts a session into its groups. */
export function join(
  links: LinkStore,
  memberships: readonly Membership[],
  key: string,
  until: number,
): MaybePromise<void> {
  const steps = memberships.map(
    ({ group, since }) =>
      (): MaybePromise<void> =>
        links.join(group, { key, since }, until),
  )
  return inOrder(steps)
}

/** Whether none of these groups is over for this session. */
export function isAlive(links: LinkStore, memberships: readonly Membership[]): MaybePromise<boolean> {
  const [first, ...rest] = memberships
  if (first === undefined) return true
  const marked = links.get(tomb(first.group))
  return chain(marked, (text) => {
    const isOver = text !== null && first.since <= markIn(text).moment
    return isOver ? false : isAlive(links, rest)
  })
}

/** That a group is over for whoever was in it at a moment, and until when that is known. */
interface Mark {
  readonly moment: number
  readonly until: number
}

const textOf = ({ moment, until }: Mark): string => `${moment} ${until}`

function markIn(text: string): Mark {
  const [moment = Number.NaN, until = Number.NaN] = text.split(' ').map(Number)
  return { moment, until }
}

/**
 * Marks a group as over, and gives back its sessions: they are to be deleted, and then taken out of it (`leave`). The mark is known for as long
 * as the last of them would have lasted: Django may have given one a key by which nobody finds it.
 *
 * @param clock tells the moment, in milliseconds since 1970
 * @param until when the mark may be forgotten: not before the last session that may join has ended
 */
export function end({ links, groupOf }: Linked, who: EndOf, clock: Clock, until: number): MaybePromise<Ending> {
  const { group, moment } = endingOf(who, Math.floor(clock()), groupOf)
  const name = tomb(group)
  const added = links.add(name, textOf({ moment, until }), until)
  const marked = chain(added, (isFirst) => (isFirst ? undefined : markLater(links, name, { moment, until })))
  return chain(marked, () =>
    chain(links.members(group), (members) => {
      // A login that is yet to come by this clock is of a machine whose own is ahead: nobody knows whether it was before.
      const now = 'user' in who ? clock() : Number.POSITIVE_INFINITY
      const over = members.filter(({ since }) => since <= moment || since > now)
      const last = Math.max(until, ...over.map(({ expires }) => expires))
      const kept = last > until ? markLater(links, name, { moment, until: last }) : undefined
      const keys = over.map(({ key }) => key)
      // In a cookie there is nothing to delete: the mark is known for as long as it could live.
      const cookies = keys.filter(isInCookie)
      const left = chain(kept, () => (cookies.length === 0 ? undefined : links.leave(group, cookies)))
      return chain(left, () => ({ group, keys: keys.filter((key) => !isInCookie(key)) }))
    }),
  )
}

/**
 * Of two marks the later moment counts, and the later end, whichever was made first: a mark is replaced only by whoever has seen it, who else
 * looks again. Throws `StoreUnavailable` where others are always faster.
 */
function markLater(links: LinkStore, name: string, mark: Mark, tries = 1): MaybePromise<void> {
  if (tries > TRIES) {
    const message = 'The mark of a logout is changed by others all the time.'
    throw new StoreUnavailable(message, { cause: new StoreAnswered(message) })
  }
  return chain(links.get(name), (text) => {
    const known = text === null ? mark : markIn(text)
    const later = { moment: Math.max(mark.moment, known.moment), until: Math.max(mark.until, known.until) }
    const said = textOf(later)
    if (said === text) return
    const written = text === null ? links.add(name, said, later.until) : links.replace(name, said, later.until, text)
    return chain(written, (isMine) => (isMine ? undefined : markLater(links, name, mark, tries + 1)))
  })
}

export interface Ending {
  readonly group: string
  readonly keys: readonly string[]
}

/** Milliseconds by which an issuer's clock may be ahead of ours. */
const AHEAD = 60_000

/** Throws for what says of nobody that their sessions are to end: a user who is undefined would be told that they had none. */
export function refuseNobody(who: EndOf, now: number): void {
  const { group, user, iss, clientId, sid, sub, before } = who as Readonly<Record<string, unknown>>
  const isOf = isName(iss) && isName(clientId)
  const names = {
    group: isName(group),
    user: isName(user) || (typeof user === 'number' && Number.isFinite(user)),
    sid: isOf && isName(sid),
    sub: isOf && isName(sub) && typeof before === 'number' && before * 1000 <= now + AHEAD,
  }
  if (names[kindOf(who)]) return
  throw new ImproperlyConfigured(
    'endSessions takes { group }, { user }, { iss, clientId, sid } or { iss, clientId, sub, before }, where before is in seconds since 1970.',
  )
}

const isName = (value: unknown): boolean => typeof value === 'string' && value !== ''

/** By what the sessions are found. */
export function kindOf(who: EndOf): 'group' | 'user' | 'sid' | 'sub' {
  return (['group', 'user', 'sid', 'sub'] as const).find((kind) => kind in who) as 'group'
}

function endingOf(who: EndOf, now: number, groupOf: GroupOf): { readonly group: string; readonly moment: number } {
  if ('group' in who) return { group: groupOf('gid', who.group), moment: now }
  if ('user' in who) return { group: groupOf('user', String(who.user)), moment: now }
  if ('sid' in who) return { group: groupOf('sid', who.iss, who.clientId, who.sid), moment: now }
  return { group: groupOf('sub', who.iss, who.clientId, who.sub), moment: who.before }
}
