import { describe, expect, test } from 'vitest'
import { getUser, login, type User } from '../../src/auth/index.js'
import { SessionInterrupted, StoreUnavailable } from '../../src/errors.js'
import { sqliteEngine } from '../support/sites.js'
import { authSite, slowly, usersDatabase, visit } from './site.js'

const OLD = 'the secret of last year, of more than fifty characters in all'
const NEW = 'the secret of this year, of more than fifty characters in all'

/** One store and one user table under several sites, as when settings change. */
async function shared() {
  const { engine } = sqliteEngine({})
  const database = usersDatabase()
  const site = (input: object = {}) => authSite({ engine, database, secretKey: OLD, ...input })
  const { users, site: first } = site()
  const ann = await users.createUser('ann', 'secret')
  const { key } = await visit(first, {}, (request) => login(request, ann))
  return { engine, database, site, users, ann, key: key as string }
}

const userOf = (request: object) => getUser(request)

test('nobody is logged in without a session, and asking stores nothing', async () => {
  const { site } = authSite()
  const { result, response } = await visit(site, {}, userOf)
  expect(result).toBeNull()
  expect(response.cookies).toEqual([])
  expect(response.headers.get('vary')).toBe('Cookie')
})

test('a user is looked up once in a request', async () => {
  let asked = 0
  const guest: User = { id: 'g', username: 'guest', password: '', isActive: true }
  const backend = {
    path: 'a.B',
    authenticate: () => null,
    getUser: async () => {
      asked++
      return guest
    },
  }
  const { site } = authSite({ authenticationBackends: [backend] })
  const { key } = await visit(site, {}, (request) => login(request, guest))
  const { result } = await visit(site, { key }, (request) => Promise.all([getUser(request), getUser(request)]))
  expect(result).toEqual([guest, guest])
  expect(asked).toBe(1)
})

describe('a session under an older secret key', () => {
  test('is taken over: new key, new hash, the old key is dead', async () => {
    const { site, key } = await shared()
    const after = await visit(site({ secretKey: NEW, secretKeyFallbacks: ['another', OLD] }).site, { key }, userOf)
    expect(after.result?.username).toBe('ann')
    expect(after.key).not.toBe(key)
    const alone = site({ secretKey: NEW }).site
    expect((await visit(alone, { key: after.key as string }, userOf)).result?.username).toBe('ann')
    expect((await visit(alone, { key }, userOf)).result).toBeNull()
  })

  test('is ended where that key is no fallback', async () => {
    const { site, key, engine } = await shared()
    const after = await visit(site({ secretKey: NEW, secretKeyFallbacks: ['another'] }).site, { key }, userOf)
    expect(after.result).toBeNull()
    expect(after.key).toBeUndefined()
    expect(await engine.exists(key)).toBe(false)
  })

  test('keeps its key where the visitor could not hear of another one any more', async () => {
    const { site, key, engine } = await shared()
    const given = site({ secretKey: NEW, secretKeyFallbacks: [OLD] }).site
    const { result } = await visit(given, { key }, (request, { state }) => {
      state.held = true
      return getUser(request)
    })
    expect(result?.username).toBe('ann')
    expect(await engine.exists(key)).toBe(true)
  })

  test('is not brought back when it is ended while it is taken over', async () => {
    const { site, key, engine, database } = await shared()
    const slow = site({ secretKey: NEW, secretKeyFallbacks: [OLD], database: slowly(database) }).site
    const asking = visit(slow, { key }, async (request, { session }) => {
      await session.load()
      await engine.delete(key)
      return getUser(request)
    })
    await expect(asking).rejects.toThrow(SessionInterrupted)
  })
})

describe('the session is ended', () => {
  test('when the password was changed', async () => {
    const { site, users, ann, key, engine } = await shared()
    await users.setPassword(ann, 'another')
    const after = await visit(site().site, { key }, userOf)
    expect(after.result).toBeNull()
    expect(after.response.cookies.join()).toMatch(/Max-Age=0/)
    expect(await engine.exists(key)).toBe(false)
  })

  test.each([
    ['missing', undefined],
    ['empty', ''],
    ['wrong', 'f'.repeat(64)],
    ['no text', 1],
  ])('when its hash is %s', async (_name, hash) => {
    const { site, key, engine } = await shared()
    const given = site().site
    const { state } = (
      await visit(given, { key }, (_request, scope) => {
        if (hash === undefined) scope.state.delete('_auth_user_hash')
        else scope.state.put('_auth_user_hash', hash)
        return scope
      })
    ).scope
    expect(state.key).toBe(key)
    expect((await visit(given, { key }, userOf)).result).toBeNull()
    expect(await engine.exists(key)).toBe(false)
  })
})

describe('nobody is logged in, and the session is left as it is,', () => {
  const untouched = async (given: ReturnType<typeof authSite>, key: string): Promise<void> => {
    const before = (await given.engine.load(key))?.version
    expect(before).toBeTypeOf('string')
    const after = await visit(given.site, { key }, userOf)
    expect(after.result).toBeNull()
    expect(after.response.cookies).toEqual([])
    expect((await given.engine.load(key))?.version).toBe(before)
  }

  test('when the user is inactive', async () => {
    const { site, key, database } = await shared()
    await database.execute('UPDATE auth_user SET is_active = 0')
    await untouched(site(), key)
  })

  test('when the user is gone', async () => {
    const { site, key, database } = await shared()
    await database.execute('DELETE FROM auth_user')
    await untouched(site(), key)
  })

  test('when the backend is not listed any more', async () => {
    const { site, key } = await shared()
    const other = { path: 'x.Y', authenticate: () => null, getUser: () => null }
    await untouched(site({ authenticationBackends: [other] }), key)
  })

  test.each(['', '0', '1 OR 1=1', '01', '1.0', '-1', '9'.repeat(40), 1, true, null, ['1']].map((id) => [id]))(
    'when the session names the user %j',
    async (id) => {
      const { site, key } = await shared()
      await visit(site().site, { key }, (_request, { state }) => state.put('_auth_user_id', id))
      await untouched(site(), key)
    },
  )
})

describe('T28: who cannot be told is an error and never a user or an anonymous visitor', () => {
  test('a user table that is not there', async () => {
    const { site, key, database } = await shared()
    await database.execute('DROP TABLE auth_user')
    for (const users of [database, slowly(database)]) {
      const asking = visit(site({ database: users }).site, { key }, async (request) => getUser(request))
      await expect(asking).rejects.toThrow(StoreUnavailable)
    }
  })

  test('a backend that forgets to answer is nobody', async () => {
    const { site } = authSite({
      authenticationBackends: [{ path: 'a.B', authenticate: () => undefined, getUser: () => undefined }],
    })
    const guest: User = { id: 1, username: 'guest', password: '', isActive: true }
    const { key } = await visit(site, {}, (request) => login(request, guest))
    expect((await visit(site, { key }, userOf)).result).toBeNull()
  })

  test('a backend that is only a name', () => {
    expect(() => authSite({ authenticationBackends: ['some.site.Backend'] })).toThrow(/'some\.site\.Backend'/)
  })
})

test('a lookup that a login overtakes gives who is logged in now, and ends nothing', async () => {
  const { site, users, ann, key, database } = await shared()
  const bob = await users.createUser('bob')
  await users.setPassword(ann, 'another')
  const slow = site({ database: slowly(database) }).site
  const after = await visit(slow, { key }, async (request) => {
    const asking = getUser(request)
    await login(request, bob)
    return asking
  })
  expect(after.result?.username).toBe('bob')
  expect((await visit(slow, { key: after.key as string }, userOf)).result?.username).toBe('bob')
})
