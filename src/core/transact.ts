import { NestedTransact, SessionConflict, SessionInterrupted } from '../errors.js'
import { load, pause, queue, save, saveAt, settlePending } from './commit.js'
import type { SessionState } from './session.js'
import type { MaybePromise } from './types.js'

/** How often the function runs before a transaction gives up. Each time a real writer was faster. */
const TRIES = 400

type Run<R> = (own: SessionState) => MaybePromise<R>

/** What the function threw: its caller's business, where a session that was not stored is the visitor's too. */
class Thrown {
  readonly error: unknown

  constructor(error: unknown) {
    this.error = error
  }
}

/**
 * Loads the session fresh into a state of its own, runs the function on that, and saves at the version that was loaded; again
 * if somebody else saved meanwhile. What the function changed stands or falls as a whole, and nothing that the request changes
 * beside it is touched. What is asked of the request's own handle meanwhile (save, a new key, another transaction) waits for it.
 */
export function transact<R>(state: SessionState, run: Run<R>): Promise<R> {
  if (state.transacting) throw new NestedTransact()
  const isLate = state.held
  if (isLate) refuseNew(state)
  const { generation } = state
  let thrown: Thrown | null = null
  const queued = queue(state, 'transact', async () => {
    try {
      if (generation !== state.generation) throw new SessionInterrupted()
      return await begin(state, run, isLate)
    } catch (error) {
      if (!(error instanceof Thrown)) throw error
      thrown = error
      return undefined as R
    }
  }) as Promise<R>
  const result = queued.then((value) => {
    if (thrown !== null) throw thrown.error
    return value
  })
  // Perhaps nobody looks; the response does.
  queued.catch(() => result.catch(() => undefined))
  return result
}

/** Nobody could be told of a new session any more, nor of a cookie that holds its own data. */
function refuseNew(state: SessionState): void {
  if (state.key === null || state.store.engine.stateless) throw state.refusal()
}

async function begin<R>(state: SessionState, run: Run<R>, isLate: boolean): Promise<R> {
  const isFresh = state.phase === 'unread'
  await load(state)
  state.noticeNested()
  // The function sees what the request changed so far.
  const isAhead = state.unsaved && !state.isEmpty()
  if (isAhead) await save(state)
  const { key, store } = state
  if (state.sealed) refuseNew(state)
  return key === null
    ? once(state, run)
    : store.turns.take(key, () => again(state, key, run, isFresh || isAhead, isLate))
}

/** Nobody knows this session yet, so nobody can be faster. */
async function once<R>(state: SessionState, run: Run<R>): Promise<R> {
  const { generation } = state
  const own = state.twin(false)
  try {
    const result = await attempt(own, run)
    if (own.unsaved && !own.isEmpty()) await save(own)
    return await taken(state, own, generation, result)
  } catch (error) {
    // What the function saved by itself before it failed is nobody's.
    if (own.key !== null && state.key !== own.key) await state.store.delete(own.key)
    throw error
  }
}

async function again<R>(state: SessionState, key: string, run: Run<R>, isFresh: boolean, isLate: boolean): Promise<R> {
  const { generation } = state
  for (let tries = 1; tries <= TRIES; tries++) {
    if (generation !== state.generation) throw new SessionInterrupted()
    const own = state.twin(isLate)
    if (isFresh && tries === 1) own.rebase(state.baseline, state.version)
    else await load(own)
    if (own.key === null) throw new SessionInterrupted()
    try {
      const result = await attempt(own, run)
      // A function that ended the session or gave it a new key cannot run again: that is stored already.
      const isFinal = own.generation > 0 || own.cycled
      if (isFinal && own.unsaved && !own.isEmpty()) await save(own)
      if (isFinal || !own.unsaved || (await saveAt(own, key))) return await taken(state, own, generation, result)
    } catch (error) {
      // Whatever failed, an end or a new key is done: nothing can bring the old session back.
      if (generation === state.generation && own.generation > 0) state.end()
      else if (generation === state.generation && own.cycled) state.adopt(own)
      throw error
    }
    await pause(tries - 1)
  }
  throw new SessionConflict(TRIES)
}

/** Hands over what was stored, unless the session was flushed meanwhile: then it must not stay alive. */
async function taken<R>(state: SessionState, own: SessionState, generation: number, result: R): Promise<R> {
  if (generation === state.generation) {
    state.adopt(own)
    return result
  }
  if (own.key !== null) await state.store.delete(own.key)
  throw new SessionInterrupted()
}

async function attempt<R>(own: SessionState, run: Run<R>): Promise<R> {
  let result: R
  try {
    result = await run(own)
  } catch (error) {
    while (own.pending !== null) await own.pending
    throw new Thrown(error)
  }
  await settlePending(own)
  own.noticeNested()
  return result
}
