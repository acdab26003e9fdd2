import { SessionConflict, SessionInterrupted } from '../errors.js'
import { remainingMoment } from './expiry.js'
import { chain, isPromise, orElse } from './maybe.js'
import { apply, type Delta, delta, NO_CELLS } from './merge.js'
import { forget, isOverInCookie, isStillAlive, isToTell, type Note, noted, tell } from './noting.js'
import type { SessionState } from './session.js'
import type { Store } from './store.js'
import { patiently } from './turns.js'
import type { Cells, MaybePromise, Outcome, Saved, SessionRecord, Version } from './types.js'
import { untilDone } from './until-done.js'

/** How often a save that met another writer is tried again before it gives up. Each try has a real winner elsewhere. */
const TRIES = 100
const NEW_KEY_TRIES = 10_000

/** Everything here meets the store. What answers at once happens at once; the rest is a promise. */

/** Fetches a session's data, once. */
export function load(state: SessionState): MaybePromise<void> {
  if (state.phase === 'loaded') return
  if (state.phase === 'failed') throw state.failure
  if (state.loading !== null) return state.loading
  if (state.key === null) {
    state.phase = 'loaded'
    return
  }
  const { generation } = state
  let loading: MaybePromise<void>
  try {
    loading = chain(state.store.open(state.key), (loaded) => {
      if (generation === state.generation) state.store.settle(state, loaded)
    })
  } catch (error) {
    state.failure = error
    throw error
  }
  if (!isPromise(loading)) return
  const done = (): void => {
    if (state.loading === loading) state.loading = null
  }
  loading.then(done, (error: unknown) => {
    state.failure = error
    done()
  })
  state.loading = loading
  return loading
}

/** `load` ahead of the handler: a store that fails is remembered and thrown at first touch, so that other pages are served. */
export function preload(state: SessionState): MaybePromise<void> {
  const failed = (error: unknown): void => {
    state.phase = 'failed'
    state.failure = error
  }
  try {
    const loading = load(state)
    return isPromise(loading) ? loading.catch(failed) : loading
  } catch (error) {
    failed(error)
  }
}

/** `load` for whoever decides by what is in a session: throws where the store cannot be asked, also with `sessionOnStoreError: 'read-only'`. */
export function loadKnown(state: SessionState): MaybePromise<void> {
  return chain(load(state), () => {
    if (state.unavailable !== null) throw state.unavailable
  })
}

/** Stores the session: a new record where it has no key, else a compare-and-set on what was loaded. */
export function save(state: SessionState): MaybePromise<void> {
  return chain(load(state), () =>
    chain(isOverInCookie(state.store, state.baseline), (isOver) => (isOver ? interrupt(state) : keep(state))),
  )
}

function keep(state: SessionState): MaybePromise<void> {
  return state.key === null ? create(state) : replace(state, state.key, 1, performance.now())
}

/** Stores the session under a new key that nobody has. Django's `create`. */
function create(state: SessionState, tries = 1): MaybePromise<void> {
  // The visitor could not be told the new key any more, and nobody else knows it.
  if (state.sealed) throw state.refusal()
  if (state.unavailable !== null) throw state.unavailable
  // As in Django, whoever stores a new session sends its cookie.
  state.modified = true
  const key = state.store.newKey()
  const { revision, generation } = state
  const note = noted(state, key, recordOf(state))
  const { record } = note
  const made = isToTell(note)
    ? chain(tell(state.store, note), () => createListed(state.store, key, record))
    : state.store.create(key, record)
  return chain(made, (outcome): MaybePromise<void> => {
    if (isSaved(outcome)) {
      return orElse(
        () => admitted(state, note, () => saved(state, outcome, key, record, revision, generation)),
        (error) => {
          disown(state.store, key)
          throw error
        },
      )
    }
    if (tries === NEW_KEY_TRIES) throw new SessionConflict(tries)
    return create(state, tries + 1)
  })
}

/** Takes out a session whose key nobody is told: it would count as one more of its user. */
export function disown(store: Store, key: string): void {
  void untilDone(async () => (await store.delete(key)) !== 'conflict')
}

/** A session that was stored and belongs to a login that has been ended meanwhile is taken out again. */
function admitted(state: SessionState, note: Note, stored: () => MaybePromise<void>): MaybePromise<void> {
  if (note.link === null) return stored()
  return chain(isStillAlive(state.store, note), (isAlive) => (isAlive ? stored() : interrupt(state)))
}

/** A session that is there though its store did not say so in time has no visitor, and would count as one more of its user. */
function createListed(store: Store, key: string, record: SessionRecord): MaybePromise<Outcome> {
  return orElse(
    () => store.create(key, record),
    (error) => {
      // It may land later still.
      void untilDone(async () => (await store.delete(key)) === 'deleted')
      throw error
    },
  )
}

/** Stores the session if nobody saved since it was loaded; false if somebody did. */
export function saveAt(state: SessionState, key: string, until?: number): MaybePromise<boolean> {
  if (state.unavailable !== null) throw state.unavailable
  const { revision, generation } = state
  const note = noted(state, key, recordOf(state))
  const { record } = note
  const { version } = state
  const done = isToTell(note)
    ? chain(tell(state.store, note), () => state.store.save(key, record, version, until))
    : state.store.save(key, record, version, until)
  return chain(done, (outcome): MaybePromise<boolean> => {
    if (outcome === 'missing') throw new SessionInterrupted()
    if (!isSaved(outcome)) return false
    const kept = admitted(state, note, () => saved(state, outcome, key, record, revision, generation))
    return chain(kept, () => true)
  })
}

/** @param began when the first try began: all together have their time (`Store.lastMoment`) */
function replace(state: SessionState, key: string, tries: number, began: number, until?: number): MaybePromise<void> {
  const { generation } = state
  return chain(saveAt(state, key, until), (isDone): MaybePromise<void> => {
    if (isDone) return
    if (tries === TRIES) throw new SessionConflict(tries)
    const end = state.store.lastMoment(began)
    // Someone saved since we loaded: lay our changes over theirs and try again. If this session was flushed, there is nothing to lay.
    const again = (next: () => MaybePromise<void>) => (): MaybePromise<void> =>
      generation === state.generation ? next() : undefined
    return inTurn(state, key, tries, end, () =>
      chain(
        pause(tries - 1),
        again(() =>
          chain(
            refresh(state, key, end),
            again(() => replace(state, key, tries + 1, began, end)),
          ),
        ),
      ),
    )
  })
}

/**
 * Those of this process that met another writer go one after the other: together they would only make each other try again. An engine that
 * answers at once meets one of this process once. Whoever's time is over before its turn comes is told so by the store.
 */
function inTurn(
  state: SessionState,
  key: string,
  tries: number,
  until: number,
  run: () => MaybePromise<void>,
): MaybePromise<void> {
  if (state.inTurn || (state.store.engine.synchronous && tries === 1)) return run()
  const mine = async (): Promise<void> => {
    state.inTurn = true
    try {
      await run()
    } finally {
      state.inTurn = false
    }
  }
  return state.store.turns.take(key, mine, true, until)
}

/** Takes over what another writer left under our key; our changes stay on top. */
function refresh(state: SessionState, key: string, until: number): MaybePromise<void> {
  const { generation } = state
  return chain(state.store.load(key, undefined, until), (loaded) => {
    if (generation !== state.generation) return
    if (loaded === null) throw new SessionInterrupted()
    state.settle(loaded.cells)
    state.rebase(loaded.cells, loaded.version)
  })
}

/** Lets the others finish. Who has lost often waits no longer than who has lost once, else those who win would go on winning. */
export function pause(tries: number): MaybePromise<void> {
  if (tries === 0) return
  return new Promise((resolve) => setTimeout(resolve, Math.random() * Math.min(2 ** tries, 8)))
}

function saved(
  state: SessionState,
  outcome: Saved,
  key: string,
  record: SessionRecord,
  revision: number,
  generation: number,
): MaybePromise<void> {
  const stored = outcome.key ?? key
  // Flushed while the save was under way: what it stored must not stay alive.
  if (generation !== state.generation) return chain(state.store.delete(stored), () => undefined)
  state.key = stored
  state.keep(record.cells, outcome.version, revision)
}

/**
 * Moves only the end of the session; the data stay as they are in the store. False if there is no such session. Where it
 * ends is written in the data (its own expiry, the absolute limit), so they are fetched first; a session from before there
 * was a limit is saved, to begin its count.
 */
export function touch(state: SessionState): MaybePromise<boolean> {
  return chain(load(state), (): MaybePromise<boolean> => {
    const { key } = state
    if (key === null || state.unavailable !== null) return false
    return chain(isOverInCookie(state.store, state.baseline), (isOver) => !isOver && move(state, key))
  })
}

/** Moves the end of a session that was loaded. */
function move(state: SessionState, key: string): MaybePromise<boolean> {
  const { baseline, store } = state
  // Where the index is due to be told, the mark of it changes the data.
  const { record } = noted(state, key, recordOf(state))
  const isSame = delta(baseline, record.cells).size === 0
  if (isSame && state.loaded?.slid) return true
  const touched = isSame ? store.touch(key, record.expires) : null
  return touched === null ? chain(keep(state), () => true) : chain(touched, (outcome) => outcome === 'saved')
}

/** Ends the session: the data are dropped at once, the record is deleted. Django's `flush`. */
export function flush(state: SessionState): MaybePromise<void> {
  const { key, store } = state
  const { sessionUserIndex } = store.settings
  const known = state.phase === 'loaded' || !sessionUserIndex || store.engine.stateless ? state.baseline : null
  state.end()
  return queue(state, 'flush', () => {
    if (key === null) return
    // Nobody has looked whose session it is, and its place in the index has to go with it.
    return chain(known ?? cellsUnder(state, key), (cells) => chain(store.delete(key), () => forget(store, cells, key)))
  })
}

/**
 * Goes on with the session under another key, for which somebody who may has vouched; the visitor's own is ended. Nothing is stored, and the
 * visitor is sent the key. False where there is no such session, or it is not `right`: then nothing has changed.
 */
export function adopt(state: SessionState, key: string, right: (cells: Cells) => boolean): MaybePromise<boolean> {
  if (state.held) throw state.refusal()
  const { store } = state
  return chain(store.load(key), (loaded): MaybePromise<boolean> => {
    if (loaded === null || !right(loaded.cells)) return false
    // It may be the visitor's own already.
    return chain(key === state.key ? undefined : flush(state), () => {
      state.key = key
      state.unsaved = false
      store.settle(state, loaded)
      return true
    })
  })
}

/** Takes a session out of the store and keeps its data, to be stored once more under another key. */
export function withdraw(state: SessionState): MaybePromise<void> {
  const { key, baseline, store } = state
  if (key === null) return
  return chain(store.delete(key), () => {
    state.key = null
    state.unsaved = true
    // Where the list cannot be changed, whoever reads it finds that the session is gone.
    return orElse(
      () => forget(store, baseline, key),
      () => undefined,
    )
  })
}

/** What a store has under a key; nothing where it fails, which must keep nobody from ending the session. */
function cellsUnder({ store }: SessionState, key: string): MaybePromise<Cells> {
  return orElse(
    () => chain(store.load(key), (loaded) => loaded?.cells ?? NO_CELLS),
    () => NO_CELLS,
  )
}

/**
 * A new key for the same data. Django's `cycle_key`: the new record is there before the old one goes. The old one goes
 * only at the version that was copied; what someone saved into it meanwhile is carried over first.
 *
 * @param whenGone what to do if someone else ended the old session meanwhile: `interrupt` (whoever ended it wins), or
 *   `keep` the new one (a login has just proved who it is)
 */
export function cycleKey(state: SessionState, whenGone: 'interrupt' | 'keep' = 'interrupt'): MaybePromise<void> {
  // The visitor could not be told the new key any more, and would lose the session.
  if (state.sealed) throw state.refusal()
  const { generation } = state
  return queue(state, 'cycleKey', () => {
    if (generation !== state.generation) return
    return chain(load(state), () => {
      const { key: old, version, baseline } = state
      state.accessed = true
      state.modified = true
      return chain(create(state), (): MaybePromise<void> => {
        if (generation !== state.generation) return
        state.cycled = true
        if (old === null) return
        const retired = retire(state, { key: old, version }, delta(baseline, state.baseline), whenGone, 1)
        // Only the one of several that the old key was still there for goes on by the new one.
        return state.follower === null ? retired : chain(retired, () => follow(state))
      })
    })
  })
}

function follow({ follower, key }: SessionState): MaybePromise<void> {
  return key === null ? undefined : follower?.renamed(key)
}

function retire(
  state: SessionState,
  old: { readonly key: string; readonly version: Version },
  ours: Delta,
  whenGone: 'interrupt' | 'keep',
  tries: number,
): MaybePromise<void> {
  const { generation } = state
  // Flushed meanwhile: the new record is flush's to delete, the old one goes whatever is in it.
  const isFlushed = (): boolean => generation !== state.generation
  const drop = (): MaybePromise<void> => chain(state.store.delete(old.key), () => undefined)
  return chain(state.store.delete(old.key, old.version), (outcome): MaybePromise<void> => {
    if (isFlushed()) return drop()
    if (outcome === 'missing') state.endedElsewhere = true
    if (outcome === 'deleted' || (outcome === 'missing' && whenGone === 'keep')) {
      return forget(state.store, state.baseline, old.key)
    }
    const key = state.key as string
    if (outcome === 'missing') return chain(state.store.delete(key), () => (isFlushed() ? undefined : interrupt(state)))
    if (tries === TRIES) throw new SessionConflict(tries)
    return chain(state.store.load(old.key), (loaded): MaybePromise<void> => {
      if (isFlushed()) return drop()
      if (loaded === null) return retire(state, old, ours, whenGone, tries + 1)
      // Someone saved into the old session after we copied it: carry that over before it goes.
      const merged = apply(loaded.cells, ours)
      state.settle(merged)
      state.rebase(merged, state.version)
      const seen = { key: old.key, version: loaded.version }
      return chain(replace(state, key, 1, performance.now()), () =>
        isFlushed() ? drop() : retire(state, seen, ours, whenGone, tries + 1),
      )
    })
  })
}

/** Somebody else has ended the session: nothing more of it may reach the store or the visitor. */
export function interrupt(state: SessionState): never {
  state.endedElsewhere = true
  state.key = null
  state.forget()
  throw new SessionInterrupted()
}

export type Queued = 'save' | 'flush' | 'cycleKey' | 'transact'

/**
 * Runs what meets the store in the order it was asked for; the response waits for all of it (`settlePending`). What failed is
 * an error to the visitor, even if the handler did not look, unless the same succeeded later.
 */
export function queue<R>(state: SessionState, kind: Queued, operation: () => MaybePromise<R>): MaybePromise<R> {
  const before = state.pending
  const failed = (error: unknown): void => {
    state.failures ??= new Map()
    state.failures.set(kind, error)
  }
  const done = (): void => void state.failures?.delete(kind)
  let running: MaybePromise<R>
  try {
    // A flush ends the session whatever it has to wait for.
    running = before === null ? operation() : patiently(before, kind === 'flush').then(operation)
  } catch (error) {
    failed(error)
    throw error
  }
  if (!isPromise(running)) {
    done()
    return running
  }
  const pending = Promise.all([before, running.then(done, failed)]).then(() => {
    if (state.pending === pending) state.pending = null
  })
  state.pending = pending
  return running
}

/** Waits for what was begun, and throws what failed of it. */
export function settlePending(state: SessionState): MaybePromise<void> {
  const { pending, failures } = state
  if (pending !== null) return patiently(pending).then(() => settlePending(state))
  for (const error of failures?.values() ?? []) throw error
}

/** Whether anything that was begun is under way, or failed. */
export function isPending({ pending, failures }: SessionState): boolean {
  return pending !== null || Boolean(failures?.size)
}

/** `await session.save()`. */
export function saveNow(state: SessionState): MaybePromise<void> {
  state.noticeNested()
  const { generation } = state
  return queue(state, 'save', () => (generation === state.generation ? save(state) : undefined))
}

function recordOf(state: SessionState): SessionRecord {
  const cells = state.cellsToSave()
  return { cells, expires: remainingMoment(cells, state.store.settings, state.store.clock()) }
}

function isSaved(outcome: Outcome): outcome is Saved {
  return typeof outcome === 'object'
}
