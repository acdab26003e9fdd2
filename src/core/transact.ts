import { NestedTransact, SessionConflict, SessionInterrupted, SessionSealed, SojournError } from '../errors.js'
import { load, pause, save, saveAt, settlePending } from './commit.js'
import type { SessionState } from './session.js'
import type { MaybePromise } from './types.js'

/** How often the function runs before a transaction gives up. Each time a real writer was faster. */
const TRIES = 400

/**
 * Loads the session fresh into a state of its own, runs the function on that, and saves at the version that was loaded; again
 * if somebody else saved meanwhile. What the function changed stands or falls as a whole, and nothing that the request changes
 * beside it is touched. Of one session's transactions in this process one runs at a time.
 */
export function transact<R>(state: SessionState, run: (own: SessionState) => MaybePromise<R>): Promise<R> {
  if (state.transacting) throw new NestedTransact()
  // Those of one request wait for each other too: the first may be the one that gives the visitor a session.
  const running = state.store.turns.take(state, () => begin(state, run))
  state.transactions = Promise.all([state.transactions, running.catch(ignoreOthers)])
  // Perhaps nobody looks; the response does.
  state.transactions.catch(() => undefined)
  return running
}

async function begin<R>(state: SessionState, run: (own: SessionState) => MaybePromise<R>): Promise<R> {
  await settlePending(state)
  const isFresh = state.phase === 'unread'
  await load(state)
  state.noticeNested()
  // The function sees what the request changed so far.
  const isAhead = state.unsaved && !state.isEmpty()
  if (isAhead) await save(state)
  if (state.key === null) return once(state, run)
  return state.store.turns.take(state.key, () => again(state, run, isFresh || isAhead))
}

/** What the function itself throws is its caller's business; that the session was not stored is the visitor's too. */
function ignoreOthers(error: unknown): void {
  if (error instanceof SojournError) throw error
}

/** Nobody knows this session yet, so nobody can be faster. */
async function once<R>(state: SessionState, run: (own: SessionState) => MaybePromise<R>): Promise<R> {
  if (state.sealed) throw new SessionSealed()
  const { generation } = state
  const own = state.twin()
  const result = await attempt(state, own, run)
  own.sealed = state.sealed
  if (own.unsaved && !own.isEmpty()) await save(own)
  if (generation === state.generation) state.adopt(own)
  else if (own.key !== null) {
    // Flushed meanwhile: what was stored must not stay alive.
    await state.store.delete(own.key)
    throw new SessionInterrupted()
  }
  return result
}

async function again<R>(
  state: SessionState,
  run: (own: SessionState) => MaybePromise<R>,
  isFresh: boolean,
): Promise<R> {
  const { key } = state
  for (let tries = 1; tries <= TRIES; tries++) {
    const own = state.twin()
    if (isFresh && tries === 1) own.rebase(state.baseline, state.version)
    else await load(own)
    if (own.key === null) throw new SessionInterrupted()
    const result = await attempt(state, own, run)
    // A function that ended the session or gave it a new key cannot run again: that is stored already.
    const isFinal = own.generation > 0 || own.cycled
    if (isFinal && own.unsaved && !own.isEmpty()) await save(own)
    if (!isFinal && own.unsaved && !(await saveAt(own, key as string))) {
      await pause(own, tries)
      continue
    }
    // A key that changed beside it carries over what was saved under the old one.
    if (state.key === key) state.adopt(own)
    return result
  }
  throw new SessionConflict(TRIES)
}

async function attempt<R>(
  state: SessionState,
  own: SessionState,
  run: (own: SessionState) => MaybePromise<R>,
): Promise<R> {
  try {
    const result = await run(own)
    await settlePending(own)
    own.noticeNested()
    return result
  } catch (error) {
    await settlePending(own)
    // What it did to the session before it failed is done: nothing can bring the old one back.
    if (own.generation > 0) state.end()
    else if (own.cycled) state.adopt(own)
    throw error
  }
}
