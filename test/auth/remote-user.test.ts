import { describe, expect, test } from 'vitest'
import { getUser, login, ModelBackend, RemoteUserBackend } from '../../src/auth/index.js'
import type { SettingsInput } from '../../src/core/settings.js'
import { resolveSettings } from '../../src/core/settings-input.js'
import { ImproperlyConfigured } from '../../src/errors.js'
import { SECRET } from '../support/sites.js'
import { authSite, slowly, usersDatabase, visit } from './site.js'

const REMOTE = 'django.contrib.auth.backends.RemoteUserBackend'
const MODEL = 'django.contrib.auth.backends.ModelBackend'
const trusting = { remoteUserHeader: 'X-Remote-User', authenticationBackends: [REMOTE, MODEL] } satisfies SettingsInput
const as = (name: string): Record<string, string> => ({ 'x-remote-user': name })

const look = async (request: object): Promise<string | undefined> => (await getUser(request))?.username

describe.each([
  ['that answers at once', () => authSite(trusting)],
  ['that is far away', () => authSite({ ...trusting, database: slowly(usersDatabase()) })],
] as const)('a name in the header, with a user table %s,', (_, make) => {
  test('T24 (CVE-2014-0482): is followed from one user to another to none, and each session ends', async () => {
    const { site, engine } = make()
    const first = await visit(site, { headers: as('ann') }, async (request, { session }) => {
      session.set('diary', 'secret')
      return look(request)
    })
    expect(first.result).toBe('ann')
    const second = await visit(site, { key: first.key, headers: as('bob') }, async (request, { session }) => {
      return [await look(request), session.get('diary')]
    })
    expect(second.result).toEqual(['bob', undefined])
    expect(second.key).not.toBe(first.key)
    expect(await engine.exists(first.key as string)).toBe(false)
    const third = await visit(site, { key: second.key }, look)
    expect(third.result).toBeUndefined()
    expect(third.key).toBeUndefined()
    expect(await engine.exists(second.key as string)).toBe(false)
  })

  test('that is empty is no name', async () => {
    const { site, users } = make()
    const first = await visit(site, { headers: as('ann') }, look)
    const second = await visit(site, { key: first.key, headers: as('') }, look)
    expect(second.result).toBeUndefined()
    expect(await users.getByUsername('')).toBeNull()
  })

  test('that stays keeps the session and stores nothing', async () => {
    const { site } = make()
    const first = await visit(site, { headers: as('ann') }, look)
    const second = await visit(site, { key: first.key, headers: as('ann') }, look)
    expect(second.result).toBe('ann')
    expect(second.response.cookies).toEqual([])
  })

  test('of a user who is inactive ends the session of whoever was there', async () => {
    const { site, users } = make()
    await users.createUser('off', null, { isActive: false })
    const first = await visit(site, { headers: as('ann') }, look)
    const second = await visit(site, { key: first.key, headers: as('off') }, look)
    expect(second.result).toBeUndefined()
    expect((await visit(site, { key: first.key, headers: as('off') }, look)).result).toBeUndefined()
  })

  test('makes its user once, without a password', async () => {
    const { site, users } = make()
    await Promise.all(Array.from({ length: 5 }, () => visit(site, { headers: as('ann') }, look)))
    expect(await users.getByUsername('ann')).toMatchObject({ id: 1, isActive: true, isStaff: false })
    expect((await users.getByUsername('ann'))?.password).toMatch(/^!/)
  })
})

test('who logged in by password stays when no name is in the header, and leaves when another one is', async () => {
  const { site, users } = authSite(trusting)
  const ann = await users.createUser('ann', 'secret')
  const { key } = await visit(site, {}, (request) => login(request, ann, MODEL))
  expect((await visit(site, { key }, look)).result).toBe('ann')
  const other = await visit(site, { key, headers: as('bob') }, look)
  expect(other.result).toBe('bob')
  expect(other.key).not.toBe(key)
})

test('users who are not there are not made when the backend says so', async () => {
  const database = usersDatabase()
  const users = new ModelBackend(database, resolveSettings({ secretKey: SECRET }))
  const strict = new RemoteUserBackend(users, { createUnknownUser: false })
  const { site } = authSite({ database, remoteUserHeader: 'X-Remote-User', authenticationBackends: [strict] })
  await users.getOrCreate('ann')
  expect((await visit(site, { headers: as('ann') }, look)).result).toBe('ann')
  const unknown = await visit(site, { headers: as('eve') }, look)
  expect(unknown.result).toBeUndefined()
  expect(unknown.response.cookies).toEqual([])
  expect(await users.getByUsername('eve')).toBeNull()
})

test('without the setting the header is not looked at and nothing is touched', async () => {
  const { site } = authSite({ authenticationBackends: [REMOTE, MODEL] })
  expect(site.beginning).toEqual([])
  const { scope, response } = await visit(site, { headers: as('ann') }, () => undefined)
  expect(scope.state.accessed).toBe(false)
  expect([...response.headers.keys(), ...response.cookies]).toEqual([])
  expect((await visit(site, { headers: as('ann') }, look)).result).toBeUndefined()
})

test('with the setting, a visitor without a name and a cookie costs nothing', async () => {
  const { site } = authSite(trusting)
  const { scope, response } = await visit(site, {}, () => undefined)
  expect(scope.state.accessed).toBe(false)
  expect([...response.headers.keys(), ...response.cookies]).toEqual([])
})

test('T28: a header that no backend takes names from is a mistake in the settings', () => {
  expect(() => authSite({ remoteUserHeader: 'X-Remote-User' })).toThrow(ImproperlyConfigured)
})
