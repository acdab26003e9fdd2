import { describe, expect, test } from 'vitest'
import { memoryEngine } from '../../src/engines/memory.js'
import { ImproperlyConfigured, StoreUnavailable } from '../../src/errors.js'
import { watched } from '../../src/testing/watched-engine.js'
import { bareSite, sqliteEngine } from '../support/sites.js'

test('a site is ready when its store answers, however often it did not', async () => {
  let asked = 0
  const engine = watched(memoryEngine(), { delay: 0 })
  engine.delay = () => {
    if (++asked < 4) throw new Error('not yet')
    return undefined
  }
  await bareSite({ engine }).ready()
  expect(engine.count('exists')).toBe(4)
})

test('or says why not, after its time', async () => {
  const engine = watched(memoryEngine(), { fail: ['exists'] })
  await expect(bareSite({ engine }).ready({ timeout: 0.2 })).rejects.toBeInstanceOf(StoreUnavailable)
  expect(engine.count('exists')).toBeGreaterThan(1)
})

test('a store whose port refuses is told so, with what to look at', async () => {
  const cause = Object.assign(new Error('connect ECONNREFUSED 127.0.0.1:1 as tiger'), { code: 'ECONNREFUSED' })
  const engine = watched(memoryEngine(), { delay: 0 })
  engine.delay = () => {
    throw new Error('no connection', { cause })
  }
  const failed = bareSite({ engine }).ready({ timeout: 0 })
  await expect(failed).rejects.toThrow(
    /did not answer within 0 s \(connect ECONNREFUSED 127\.0\.0\.1:1\)\. Nothing answers there: is the server up, and are host and port right\?$/,
  )
})

test('a time that is no option is an error that names the option', async () => {
  await expect(bareSite().ready(2 as never)).rejects.toThrow(
    new ImproperlyConfigured('ready takes an object: `await site.ready({ timeout: 2 })`, in seconds.'),
  )
})

describe('tables that are not there are named, with what makes them', () => {
  test('where a session is asked for', async () => {
    const { engine, database } = sqliteEngine({})
    void database.execute('DROP TABLE django_session')
    const session = bareSite({ engine }).sessions.open('a'.repeat(32))
    await expect(async () => session.load()).rejects.toThrow(/failed at load; .* run 'sojourn migrate'/)
  })

  // There is the table of sessions, and none of those beside it.
  const { engine, database } = sqliteEngine({})
  void database.execute('DROP TABLE sojourn_session')
  const notReady = /is not ready\. .* run 'sojourn migrate'/

  test('by what waits until a site with a list of users’ sessions is ready', async () => {
    await expect(bareSite({ engine, sessionUserIndex: true }).ready({ timeout: 0 })).rejects.toThrow(notReady)
  })

  test('or one with signed cookies, of which the table says until when they count', async () => {
    const cutoffs = {
      of: () => {
        throw new Error('no such table: sojourn_cutoff')
      },
      put: () => undefined,
    }
    await expect(bareSite({ cutoffs }).ready({ timeout: 0 })).rejects.toThrow(notReady)
  })

  test('or one whose logins are for several sites; who uses neither needs neither', async () => {
    const site = bareSite({ engine })
    await site.ready({ timeout: 0 })
    site.store.usesLinks()
    await expect(site.ready({ timeout: 0 })).rejects.toThrow(notReady)
  })
})

test('the cache beside a table is asked too, so that no save has to wait for its connection; without it the site is ready', async () => {
  for (const fails of [false, true]) {
    const engine = memoryEngine()
    let asked = 0
    engine.loadCopy = async () => {
      asked++
      if (fails) throw new Error('the cache is down')
      return null
    }
    await bareSite({ engine }).ready()
    expect(asked).toBe(1)
  }
})
