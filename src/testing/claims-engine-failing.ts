import assert from 'node:assert/strict'
import type { Session } from '../core/session-types.js'
import type { Site } from '../core/site.js'
import { StoreUnavailable } from '../errors.js'
import { type EngineClaims, type EngineTrial, siteOver } from './engine-trial.js'
import { type EngineOperation, type WatchedEngine, watched } from './watched-engine.js'

/** Seconds that an operation may take while it hangs; on a busy machine others of the same site must do with it too. */
const DEADLINE = 0.4
/** What a busy machine may add, in seconds. */
const SLACK = 1

/** What a page does that makes a site ask for this operation, on a session that it found. */
const ASKING: Readonly<Record<EngineOperation, (session: Session, site: Site) => unknown>> = {
  load: (session, site) => site.sessions.open(session.sessionKey).load(),
  create: (_, site) => {
    const visitor = site.sessions.open()
    visitor.set('new', true)
    return visitor.save()
  },
  save: (session) => {
    session.set('user', 'eve')
    return session.save()
  },
  touch: (session, site) => site.store.touch(session.sessionKey as string, Number.MAX_SAFE_INTEGER),
  delete: (session) => session.flush(),
  exists: (session) => session.exists(session.sessionKey as string),
  clearExpired: (_, site) => site.sessions.clearExpired(),
}
const OPERATIONS = Object.keys(ASKING) as readonly EngineOperation[]

/** A store that fails is an error to the site, whatever it was asked; and no session is another one after it. */
export const failing: EngineClaims = Object.fromEntries(
  OPERATIONS.map((operation) => [
    `a store that fails at ${operation} is StoreUnavailable, and the session stays what it was`,
    (trial) => fails(trial, operation, (engine) => Object.assign(engine, { fail: [operation] })),
  ]),
)

/** The same for a store that never answers, within the site's deadline; only clearing is a job of its own, and may take its time. */
export const hanging: EngineClaims = {
  'a store that hangs is StoreUnavailable within the deadline, and the session stays what it was': async (trial) => {
    let timer: NodeJS.Timeout | undefined
    const tooLate = new Promise<never>((_, reject) => {
      timer = setTimeout(() => reject(new Error('the site still waits')), (DEADLINE + SLACK) * 1000)
    })
    const hangs = (operation: EngineOperation): Promise<void> =>
      fails(trial, operation, (engine) => Object.assign(engine, { hang: [operation] }))
    await Promise.race([Promise.all(OPERATIONS.filter((each) => each !== 'clearExpired').map(hangs)), tooLate]).finally(
      () => clearTimeout(timer),
    )
  },
}

async function fails(
  trial: EngineTrial,
  operation: EngineOperation,
  breaks: (engine: WatchedEngine) => unknown,
): Promise<void> {
  const sound = siteOver(trial.engine, trial.clock)
  const first = sound.sessions.open()
  first.set('user', 'ann')
  await first.save()
  const key = first.sessionKey as string
  const engine = watched(trial.engine, { delay: 0 })
  // What an engine cannot do cannot fail.
  if (engine[operation] === undefined) return
  const site = siteOver(engine, trial.clock, DEADLINE)
  const session = site.sessions.open(key)
  await session.load()
  assert.equal(session.get('user'), 'ann')
  breaks(engine)
  const error = await thrownBy(() => ASKING[operation](session, site))
  assert.ok(error instanceof StoreUnavailable, `${operation} gives ${String(error)}`)
  assert.ok(!error.message.includes(key), 'the message holds the key')
  if (operation === 'load') await isNoEmptySession(site, key)
  const after = sound.sessions.open(key)
  await after.load()
  assert.deepEqual([...after], [['user', 'ann']], `the session after a failing ${operation}`)
}

/** A session that could not be loaded neither looks empty nor loses its key. */
async function isNoEmptySession(site: Site, key: string): Promise<void> {
  const session = site.sessions.open(key)
  assert.ok((await thrownBy(() => session.load())) instanceof StoreUnavailable)
  assert.ok((await thrownBy(() => session.get('user'))) instanceof Error, 'it is read as an empty session')
  assert.equal(session.sessionKey, key)
}

async function thrownBy(run: () => unknown): Promise<unknown> {
  try {
    return `no error: ${String(await run())}`
  } catch (error) {
    return error
  }
}
