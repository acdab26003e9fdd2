import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, expect, test } from 'vitest'
import { groupOf } from '../../src/wire/link-names.js'
import { type Browser, type World, world } from './world.js'

let folder: string
let there: World
let ann: Browser

beforeEach(async () => {
  folder = mkdtempSync(join(tmpdir(), 'sojourn-sites-'))
  there = await world({ settings: { databases: { default: `sqlite:${join(folder, 'db.sqlite3')}` } } })
  ann = there.browser()
  await ann.login(await ann.visit(`${there.originOf('shop')}/sso/begin?next=/`))
})
afterEach(async () => {
  ann.close()
  await there[Symbol.asyncDispose]()
  rmSync(folder, { recursive: true })
})

const page = (): string => `${there.originOf('shop')}/`
const who = async (): Promise<string> => (await ann.ask(page())).text
const members = async (): Promise<string[]> =>
  (await there.on('hub').site.store.links.members(groupOf('user', String(there.user.id)))).map(({ key }) => key)

/** What Django's `cycle_key` does: the same data under another key, and nobody is told. */
async function cycled(): Promise<string> {
  const { engine } = there.on('shop').site
  const { cookies } = ann.at(page())
  const old = cookies.get('sessionid') as string
  const loaded = await engine.load(old)
  if (loaded === null) throw new Error('There is no session.')
  const key = old.split('').reverse().join('')
  await engine.create(key, { cells: loaded.cells, expires: Date.now() + 3_600_000 })
  await engine.delete(old)
  cookies.set('sessionid', key)
  return key
}

test('a session that Django gave another key is told to its groups by the next page that reads it, and ends with its login', async () => {
  const key = await cycled()
  expect(await members()).not.toContain(key)
  expect(await who()).toMatch(/^ann/)
  expect(await members()).toContain(key)
  await there.on('hub').site.sessions.endSessions({ user: there.user.id })
  expect(await there.on('shop').site.engine.load(key)).toBeNull()
})

test('one that Django gave another key before its login was ended is over at its next visit', async () => {
  const key = await cycled()
  await there.on('hub').site.sessions.endSessions({ user: there.user.id })
  expect(await there.on('shop').site.engine.load(key)).not.toBeNull()
  expect(await who()).toMatch(/^nobody/)
  expect(await there.on('shop').site.engine.load(key)).toBeNull()
})

test('whoever logs out leaves the groups', async () => {
  const key = ann.at(page()).cookies.get('sessionid') as string
  expect(await members()).toContain(key)
  await there.on('shop').site.sessions.endSessions({ group: 'another' })
  expect(await members()).toContain(key)
  await ann.ask(`${page()}token`)
  await ann.at(page()).post('/sso/logout')
  expect(await members()).not.toContain(key)
})

test('a new key of our own is told at once, and the old one is forgotten', async () => {
  const before = ann.at(page()).cookies.get('sessionid') as string
  await ann.ask(`${page()}cycle`)
  const after = ann.at(page()).cookies.get('sessionid') as string
  expect(after).not.toBe(before)
  expect(await members()).toContain(after)
  expect(await members()).not.toContain(before)
})
