import { absoluteEnd, remainingMoment, withAbsoluteEnd } from './expiry.js'
import { knownUntil, linkOf, type Membership, membershipsOf, relinked, relinkedInCookie } from './link-mark.js'
import { isAlive, join } from './links.js'
import { chain, inOrder, orElse } from './maybe.js'
import type { SessionState } from './session.js'
import type { Store } from './store.js'
import type { Cells, IndexEntry, MaybePromise, SessionRecord } from './types.js'
import { untilDone } from './until-done.js'
import { isUnknown, noteFor, userOf, withLogin } from './user-mark.js'

/** What is to be told of a session before it is stored, beside the sessions: to the index of its user's, and to the groups of its login. */
export interface Note {
  readonly key: string
  /** The session, with the marks of what is told. */
  readonly record: SessionRecord
  readonly entry: IndexEntry | null
  readonly link: { readonly memberships: readonly Membership[]; readonly key: string; readonly until: number } | null
}

/** A record with the marks of what has to be told of it. */
export function noted(state: SessionState, key: string, given: SessionRecord): Note {
  const { record, entry } = listed(state, key, given)
  const { engine, groupOf, clock } = state.store
  const { expires } = record
  const link = engine.stateless
    ? relinkedInCookie(record.cells, expires, clock())
    : relinked(record.cells, key, expires, clock())
  if (link === null) return { key, record, entry, link: null }
  const { cells, ...told } = link
  return { key, record: { cells, expires }, entry, link: { memberships: membershipsOf(cells, groupOf), ...told } }
}

/** A record with the mark of what the index of users' sessions has to be told of it. */
function listed(
  state: SessionState,
  key: string,
  record: SessionRecord,
): { readonly record: SessionRecord; readonly entry: IndexEntry | null } {
  const { settings, engine, clock, moments } = state.store
  if (!settings.sessionUserIndex) return { record, entry: null }
  if (engine.stateless)
    return { record: { ...record, cells: withLogin(record.cells, () => moments.ofLogin()) }, entry: null }
  const note = noteFor(record.cells, key, record.expires, clock())
  if (note === null) return { record, entry: null }
  const { cells } = note
  const visitor = settings.sessionUserIndexDetails ? state.visitor : null
  // As much as the table has room for. An address may be what a visitor wrote, where a framework trusts a proxy too much.
  const userAgent = (visitor?.header('user-agent') ?? '').slice(0, 300)
  const details = { userAgent, address: (visitor?.address ?? '').slice(0, 64) }
  return { record: { cells, expires: record.expires }, entry: { ...note.entry, ...details, expires: record.expires } }
}

export function isToTell({ entry, link }: Note): boolean {
  return entry !== null || link !== null
}

/** Before the session is stored: whoever ends all sessions of a user, or of a login, must know of every one that is alive. */
export function tell(store: Store, { entry, link }: Note): MaybePromise<void> {
  const listing = entry === null ? undefined : chain(store.index.put(entry), () => undefined)
  return chain(listing, () => (link === null ? undefined : join(store.links, link.memberships, link.key, link.until)))
}

/**
 * After it was stored: whether the login that it belongs to has not been ended meanwhile. Whoever ends a login marks it first and then looks
 * for its sessions, so that one of the two sees the other. A session that is over is deleted.
 */
export function isStillAlive(store: Store, { key, link }: Note): MaybePromise<boolean> {
  const look = (): MaybePromise<boolean> =>
    chain(link === null || isAlive(store.links, link.memberships), (alive) =>
      alive ? true : chain(store.delete(key), () => false),
    )
  return orElse(look, (error) => {
    // The mark in it says that the groups know it, and nobody would look again.
    void untilDone(async () => {
      await look()
      return true
    })
    throw error
  })
}

/**
 * Whether a session that is in a cookie is of a login that was ended. Nobody could delete it; so it gets no later end, and dies before the mark
 * by which it is known does: also on a site whose cookies last longer than those of the one that it was taken from.
 */
export function isOverInCookie(store: Store, cells: Cells): MaybePromise<boolean> {
  if (!store.engine.stateless) return false
  const link = linkOf(cells)
  if (link === null) return false
  if (knownUntil(link, Number.POSITIVE_INFINITY) <= store.clock()) return true
  const memberships = membershipsOf(cells, store.groupOf)
  return memberships.length > 0 && chain(isAlive(store.links, memberships), (alive) => !alive)
}

/** Whether something beside has to be told of a session that was only read: Django gave it its key, or another end. */
export function isUnnoted(state: SessionState): boolean {
  const { store, key, phase, baseline, unavailable } = state
  if (key === null || phase !== 'loaded' || unavailable !== null || store.engine.stateless) return false
  const end = endOf(state)
  if (store.settings.sessionUserIndex && isUnknown(baseline, key, end, store.clock())) return true
  return relinked(baseline, key, end ?? 0, store.clock()) !== null
}

/**
 * Tells it, and marks that in the session as it was loaded: of this request's changes nothing is stored, and its end stays where it is, as
 * far as the engine tells where that is. Whoever saves meanwhile tells it too.
 */
export function note(state: SessionState): MaybePromise<void> {
  const { store, baseline, version } = state
  const key = state.key as string
  const now = store.clock()
  const cells = withAbsoluteEnd(baseline, store.settings, now)
  const limit = absoluteEnd(cells, store.settings) ?? Number.POSITIVE_INFINITY
  const expires = Math.min(endOf(state) ?? remainingMoment(cells, store.settings, now), limit)
  const told = noted(state, key, { cells, expires })
  if (!isToTell(told)) return
  const saved = chain(tell(store, told), () => store.save(key, told.record, version))
  return chain(saved, () => chain(isStillAlive(store, told), () => undefined))
}

/** When the session ends by what the engine loaded, in milliseconds since 1970; `null` where it does not tell. */
function endOf({ loaded }: SessionState): number | null {
  return loaded?.expires?.() ?? null
}

/** A session is over: what stands beside need not know of it any more. */
export function forget(store: Store, cells: Cells, key: string): MaybePromise<void> {
  if (store.engine.stateless) return
  const user = store.settings.sessionUserIndex ? userOf(cells) : null
  const groups = membershipsOf(cells, store.groupOf).map(
    ({ group }) =>
      () =>
        store.links.leave(group, [key]),
  )
  return chain(user === null ? undefined : store.index.remove(user, [key]), () => inOrder(groups))
}
