import assert from 'node:assert/strict'
import { setImmediate as nextTurn } from 'node:timers/promises'
import type { Session } from '../core/session-types.js'
import type { Site } from '../core/site.js'
import { SessionInterrupted } from '../errors.js'
import { type EngineClaims, type EngineTrial, siteOver } from './engine-trial.js'
import { Gates } from './gates.js'
import { watched } from './watched-engine.js'

const HANDLES = 8
const TIMES = 25

/** Sessions of two sites over one store, as handlers use them: one with the engine as it is, the other as if across a network. */
export const sitesRacing: EngineClaims = {
  '8 handles each counting 25 times under its own key: 0 lost': async (trial) => {
    const sites = await twoSites(trial)
    const key = await begin(sites[0])
    await Promise.all(
      Array.from({ length: HANDLES }, async (_, n) => {
        for (let time = 0; time < TIMES; time++) {
          const session = await open(sites[n % 2] as Site, key)
          session.set(`n${n}`, Number(session.get(`n${n}`, 0)) + 1)
          await nextTurn()
          await session.save()
        }
      }),
    )
    const counted = Object.fromEntries(await open(sites[0], key))
    const expected = Object.fromEntries(Array.from({ length: HANDLES }, (_, n) => [`n${n}`, TIMES]))
    assert.deepEqual(counted, { user: 'ann', ...expected })
  },

  '8 handles counting 25 times each under one key by transact: 0 lost': async (trial) => {
    const sites = await twoSites(trial)
    const key = await begin(sites[0])
    await Promise.all(
      Array.from({ length: HANDLES }, async (_, n) => {
        for (let time = 0; time < TIMES; time++) {
          await sites[n % 2]?.sessions.open(key).transact(async (session) => {
            const before = Number(session.get('total', 0))
            await undefined
            session.set('total', before + 1)
          })
        }
      }),
    )
    assert.equal((await open(sites[1], key)).get('total'), HANDLES * TIMES)
  },

  'a flush ends the session under a save that is on its way: it is not revived': async (trial) => {
    const gates = new Gates()
    const slow = watched(await trial.other(), {
      delay: (operation) => (operation === 'save' ? gates.pass('save') : undefined),
    })
    const [here, there] = [siteOver(trial.engine, trial.clock), siteOver(slow, trial.clock)]
    const key = await begin(here)
    const late = await open(there, key)
    late.set('late', true)
    const saving = outcomeOf(late.save())
    await gates.arrival('save')
    await (await open(here, key)).flush()
    gates.openAll()
    assert.ok((await saving) instanceof SessionInterrupted, 'the late save is told')
    await isGone(trial, key)
  },

  'a flush at any moment of another save ends the session': async (trial) => {
    const sites = await twoSites(trial)
    for (let round = 0; round < 20; round++) {
      const key = await begin(sites[0])
      const [ending, saving] = [await open(sites[0], key), await open(sites[1], key)]
      saving.set('late', true)
      const saved = outcomeOf(saving.save())
      for (let n = 0; n < round % 5; n++) await nextTurn()
      await ending.flush()
      const outcome = await saved
      assert.ok(outcome === 'done' || outcome instanceof SessionInterrupted, String(outcome))
      await isGone(trial, key)
    }
  },

  'a session that is given a new key keeps what another request saved meanwhile': async (trial) => {
    const sites = await twoSites(trial)
    for (let round = 0; round < 20; round++) {
      const key = await begin(sites[0])
      const [login, other] = [await open(sites[0], key), await open(sites[1], key)]
      login.set('login', true)
      other.set('other', true)
      const saved = outcomeOf(other.save())
      for (let n = 0; n < round % 5; n++) await nextTurn()
      await login.cycleKey()
      await login.save()
      const outcome = await saved
      assert.ok(outcome === 'done' || outcome instanceof SessionInterrupted, String(outcome))
      await isGone(trial, key)
      const now = await open(sites[1], login.sessionKey as string)
      const expected = { user: 'ann', login: true, ...(outcome === 'done' ? { other: true } : {}) }
      assert.deepEqual({ ...Object.fromEntries(now) }, expected)
    }
  },

  'of two that give one session a new key at once one goes on, and the old key is over': async (trial) => {
    const sites = await twoSites(trial)
    for (let round = 0; round < 20; round++) {
      const key = await begin(sites[0])
      const sessions = [await open(sites[0], key), await open(sites[1], key)]
      const outcomes = await Promise.all(sessions.map((session) => outcomeOf(session.cycleKey())))
      assert.equal(outcomes.filter((outcome) => outcome === 'done').length, 1, 'how many go on')
      assert.equal(outcomes.filter((outcome) => outcome instanceof SessionInterrupted).length, 1, 'how many do not')
      await isGone(trial, key)
      const { sessionKey } = sessions[outcomes.indexOf('done')] as Session
      assert.equal((await open(sites[0], sessionKey as string)).get('user'), 'ann')
    }
  },
}

async function twoSites(trial: EngineTrial): Promise<readonly [Site, Site]> {
  const network = watched(await trial.other(), { delay: 0 })
  return [siteOver(trial.engine, trial.clock), siteOver(network, trial.clock)]
}

/** A session with a user in it; its key. */
async function begin(site: Site): Promise<string> {
  const session = site.sessions.open()
  session.set('user', 'ann')
  await session.save()
  return session.sessionKey as string
}

async function open(site: Site, key: string): Promise<Session> {
  const session = site.sessions.open(key)
  await session.load()
  assert.equal(session.sessionKey, key, 'the session is not there')
  return session
}

async function isGone({ engine }: EngineTrial, key: string): Promise<void> {
  assert.equal(await engine.exists(key), false, 'the session was brought back')
}

/** `'done'`, or the error. */
async function outcomeOf(running: void | Promise<void>): Promise<unknown> {
  try {
    await running
    return 'done'
  } catch (error) {
    return error
  }
}
