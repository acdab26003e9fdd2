import type { GroupOf, Membership } from './link-mark.js'
import type { LinkStore, Member } from './link-store.js'
import { chain, inOrder } from './maybe.js'
import type { MaybePromise } from './types.js'

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
  return chain(marked, (until) => {
    const isOver = until !== null && first.since <= Number(until)
    return isOver ? false : isAlive(links, rest)
  })
}

/**
 * Marks a group as over, and gives back its sessions: they are to be deleted, and then taken out of it (`leave`).
 *
 * @param now the moment, in milliseconds since 1970
 * @param until when the mark may be forgotten: not before the last session that may join has ended
 */
export function end({ links, groupOf }: Linked, who: EndOf, now: number, until: number): MaybePromise<Ending> {
  const { group, moment } = endingOf(who, now, groupOf)
  // The later of two marks counts, whichever was made first.
  const isFirst = links.add(tomb(group), String(moment), until)
  const marked = chain(isFirst, (added) => (added ? undefined : markLater(links, group, moment, until)))
  return chain(marked, () => chain(links.members(group), (members) => ({ group, keys: overOf(members, moment) })))
}

function markLater(links: LinkStore, group: string, moment: number, until: number): MaybePromise<void> {
  return chain(links.get(tomb(group)), (known) =>
    known !== null && Number(known) >= moment ? undefined : links.put(tomb(group), String(moment), until),
  )
}

/** Who came later is not of what is over. */
function overOf(members: readonly Member[], moment: number): readonly string[] {
  return members.filter(({ since }) => since <= moment).map(({ key }) => key)
}

export interface Ending {
  readonly group: string
  readonly keys: readonly string[]
}

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
