/** What the provider of the example keeps: its records, and its keys. */
import { mkdtempSync, rmSync, statSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import Database from 'better-sqlite3'
import type { AdapterPayload } from 'oidc-provider'
import { afterEach, beforeEach, describe, expect, test, vi } from 'vitest'
import { keysBeside } from '../../examples/identity-provider/keys.js'
import { Records, SESSION_AGE } from '../../examples/identity-provider/records.js'

const session = (more: AdapterPayload = {}): AdapterPayload => ({
  kind: 'Session',
  uid: 'one',
  accountId: '1',
  ...more,
})

describe('the records of the provider', () => {
  let database: Database.Database
  let records: Records

  beforeEach(() => {
    vi.useFakeTimers({ toFake: ['Date'] })
    database = new Database(':memory:')
    records = new Records(database)
  })
  afterEach(() => {
    vi.useRealTimers()
    database.close()
  })

  test('a record is found by its id and its kind, until its end', async () => {
    await records.adapter('AccessToken').upsert('token', { accountId: '1' }, 60)
    expect(await records.adapter('AccessToken').find('token')).toEqual({ accountId: '1' })
    expect(await records.adapter('RefreshToken').find('token')).toBeUndefined()
    vi.advanceTimersByTime(60_000)
    expect(await records.adapter('AccessToken').find('token')).toBeUndefined()
  })

  test('what is past its end goes as others come', async () => {
    await records.adapter('AccessToken').upsert('token', {}, 60)
    vi.advanceTimersByTime(61_000)
    await records.adapter('AccessToken').upsert('another', {}, 60)
    expect(database.prepare('SELECT id FROM provider_record').all()).toEqual([{ id: 'another' }])
  })

  test('all that came of a grant goes with it, and nothing else', async () => {
    const tokens = records.adapter('AccessToken')
    await tokens.upsert('token', { grantId: 'g' }, 60)
    await tokens.upsert('another', { grantId: 'h' }, 60)
    await tokens.revokeByGrantId('g')
    expect([await tokens.find('token'), await tokens.find('another')]).toEqual([undefined, { grantId: 'h' }])
  })

  test('a question that is asked of somebody who had a grant is still there when that has gone', async () => {
    const questions = records.adapter('Interaction')
    await questions.upsert('question', { grantId: 'g' }, 60)
    await records.adapter('AccessToken').revokeByGrantId('g')
    expect(await questions.find('question')).toEqual({ grantId: 'g' })
  })

  test('a code is used once: who comes second is refused', async () => {
    const codes = records.adapter('AuthorizationCode')
    await codes.upsert('code', { grantId: 'g' }, 60)
    await codes.consume('code')
    await expect(codes.consume('code')).rejects.toMatchObject({ error: 'invalid_grant' })
    expect(await codes.find('code')).toMatchObject({ consumed: expect.any(Number) })
  })

  test('two tabs that log in to two sites at once are both in the session, whoever is stored last', async () => {
    const sessions = records.adapter('Session')
    await sessions.upsert('id', session({ authorizations: { shop: { sid: 'a' } } }), 60)
    await sessions.upsert('id', session({ authorizations: { news: { sid: 'b' } } }), 60)
    expect(await sessions.findByUid('one')).toMatchObject({
      authorizations: { shop: { sid: 'a' }, news: { sid: 'b' } },
    })
  })

  test('the sites of one account are not taken over by another', async () => {
    const sessions = records.adapter('Session')
    await sessions.upsert('id', session({ authorizations: { shop: { sid: 'a' } } }), 60)
    await sessions.upsert('id', session({ accountId: '2', authorizations: {} }), 60)
    expect(await sessions.find('id')).toEqual(session({ accountId: '2', authorizations: {} }))
  })

  test('a session that has ended is not stored again by a request that was under way', async () => {
    const sessions = records.adapter('Session')
    await sessions.upsert('id', session(), 60)
    records.end('one')
    expect(await sessions.find('id')).toBeUndefined()
    await sessions.upsert('id', session(), 60)
    await sessions.upsert('another id', session(), 60)
    expect(await sessions.findByUid('one')).toBeUndefined()
  })

  test('a session that comes of a login which has ended meanwhile has ended too', async () => {
    const sessions = records.adapter('Session')
    await sessions.upsert('id', session(), 60)
    records.belong('one', 'login', '1')
    expect(records.endLogin('login')).toEqual(['one'])
    await sessions.upsert('id two', session({ uid: 'two' }), 60)
    records.belong('two', 'login', '1')
    expect(await sessions.findByUid('two')).toBeUndefined()
    await sessions.upsert('id two', session({ uid: 'two' }), 60)
    expect(await sessions.findByUid('two')).toBeUndefined()
  })

  test('a login is found by its account, for as long as a session of it can live', async () => {
    records.belong('one', 'login', '1')
    records.belong('two', 'another', '1')
    records.belong('three', "somebody else's", '2')
    expect([...records.loginsOf('1')].sort()).toEqual(['another', 'login'])
    expect(records.sessionsOf('another')).toEqual(['two'])
    expect([records.loginOf('two'), records.loginOf('none')]).toEqual(['another', undefined])
    vi.advanceTimersByTime(SESSION_AGE * 1000)
    await records.adapter('Session').upsert('id', session(), 60)
    expect(records.loginsOf('1')).toEqual([])
  })
})

describe('the keys of the provider', () => {
  const folder = mkdtempSync(join(tmpdir(), 'sojourn-keys-'))
  afterEach(() => rmSync(folder, { recursive: true, force: true }))

  test('are made once, kept for the next start, and readable by their owner alone', () => {
    const database = join(folder, 'db.sqlite3')
    const keys = keysBeside(database, {})
    expect(keysBeside(database, {})).toEqual(keys)
    for (const file of [`${database}.secret-key`, `${database}.signing.secret-key`]) {
      expect(statSync(file).mode & 0o777).toBe(0o600)
    }
    expect(keys.cookies).not.toContain(keys.secretKey)
    expect(keysBeside(database, { SECRET_KEY: 'given' }).secretKey).toBe('given')
  })
})
