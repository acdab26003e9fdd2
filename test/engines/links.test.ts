import { spawn } from 'node:child_process'
import { randomBytes } from 'node:crypto'
import { once } from 'node:events'
import { mkdirSync, mkdtempSync, readdirSync, rmSync, utimesSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { Worker } from 'node:worker_threads'
import { StoreUnavailable, sojourn } from 'sojourn'
import { memoryEngine } from 'sojourn/engines/memory'
import { testClock } from 'sojourn/testing'
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test } from 'vitest'
import { fromKeyv } from '../../src/caches/keyv.js'
import type { LinkStore, Member } from '../../src/core/link-store.js'
import { end } from '../../src/core/links.js'
import type { Site } from '../../src/core/site.js'
import { CacheLinks } from '../../src/engines/links/in-cache.js'
import { FileLinks } from '../../src/engines/links/in-folder.js'
import { groupOf } from '../../src/wire/link-names.js'
import { SmallDisk } from '../faults/small-disk.js'
import { type EngineName, engineNames, engines, type RunningStore, siteSettings } from '../support/engines.js'
import { missingServer } from '../support/servers/index.js'
import { bareSite, SECRET, sqliteEngine } from '../support/sites.js'

const HOUR = 3_600_000
const AT_ONCE = 50

/** A name nobody had: the stores are shared by all tests of an engine. */
const fresh = (kind: string): string => `${kind}.${randomBytes(16).toString('hex')}`
const keyOf = (n: number): string => `session${n}`.padEnd(32, 'x')
const member = (n: number, since = 0): Member => ({ key: keyOf(n), since })
const keysIn = async (links: LinkStore, group: string): Promise<string[]> =>
  (await links.members(group)).map(({ key }) => key).sort()

for (const name of engineNames) {
  const kind = engines[name]
  const missing = (await Promise.all(kind.servers.map((server) => missingServer(server)))).find((each) => each)

  describe.skipIf(missing !== undefined)(`records and groups on ${name} ${missing ?? ''}`, () => {
    let store: RunningStore
    const closing: (() => Promise<void>)[] = []
    const clock = testClock()
    let links: LinkStore
    let others: LinkStore

    const open = async (): Promise<Site> => {
      const { settings, close } = await siteSettings(store.address)
      const site = sojourn({ ...settings, sessionStoreTimeout: 30, clock })
      closing.push(() => site.close(), close)
      return site
    }

    beforeAll(async () => {
      store = await kind.start()
      const site = await open()
      await site.migrate()
      await site.ready()
      links = site.store.links
      // What lives in one process has one site.
      others = kind.shared ? (await open()).store.links : links
    })
    afterAll(async () => {
      for (const close of closing) await close()
      await store[Symbol.asyncDispose]()
    })

    test('a record comes back until its end, and another takes its place', async () => {
      const record = fresh('tk')
      expect(await links.get(record)).toBeNull()
      await links.put(record, '{"a":"é"}', clock() + HOUR)
      expect(await others.get(record)).toBe('{"a":"é"}')
      await others.put(record, '2', clock() + HOUR)
      expect(await links.get(record)).toBe('2')
      await links.put(record, '3', clock() - 1)
      expect(await links.get(record)).toBeNull()
      expect(await links.take(record)).toBeNull()
    })

    test(`of ${AT_ONCE} who take a record at once one gets it`, async () => {
      for (let round = 0; round < 5; round++) {
        const record = fresh('tk')
        await links.put(record, 'ticket', clock() + HOUR)
        const taken = await Promise.all(
          Array.from({ length: AT_ONCE }, (_, n) => (n % 2 === 0 ? links : others).take(record)),
        )
        expect(taken.filter((value) => value === 'ticket')).toHaveLength(1)
        expect(taken.filter((value) => value === null)).toHaveLength(AT_ONCE - 1)
        expect(await links.get(record)).toBeNull()
      }
    })

    test(`of ${AT_ONCE} who add a record at once one does, and it is kept`, async () => {
      const record = fresh('jti')
      const added = await Promise.all(
        Array.from({ length: AT_ONCE }, (_, n) => (n % 2 === 0 ? links : others).add(record, `${n}`, clock() + HOUR)),
      )
      expect(added.filter(Boolean)).toHaveLength(1)
      expect(await links.get(record)).toBe(`${added.indexOf(true)}`)
      expect(await links.add(record, 'late', clock() + HOUR)).toBe(false)
    })

    test(`a record that is past its end gives way to one of ${AT_ONCE} who add it`, async () => {
      const record = fresh('jti')
      expect(await links.add(record, 'old', clock() - 1)).toBe(true)
      const added = await Promise.all(
        Array.from({ length: AT_ONCE }, (_, n) => (n % 2 === 0 ? links : others).add(record, `${n}`, clock() + HOUR)),
      )
      expect(added.filter(Boolean)).toHaveLength(1)
      expect(await links.get(record)).toBe(`${added.indexOf(true)}`)
    })

    test('a record is replaced only by whoever says what it says', async () => {
      const record = fresh('tomb')
      expect(await links.replace(record, 'new', clock() + HOUR, 'old')).toBe(false)
      expect(await links.get(record)).toBeNull()
      await links.put(record, 'old é', clock() + HOUR)
      for (const other of ['', 'OLD É', 'old é ', 'old']) {
        expect(await others.replace(record, 'new', clock() + HOUR, other)).toBe(false)
      }
      expect(await others.replace(record, 'new', clock() + 2 * HOUR, 'old é')).toBe(true)
      expect(await links.get(record)).toBe('new')
      expect(await links.replace(record, 'last', clock() - 1, 'new')).toBe(true)
      expect(await others.get(record)).toBeNull()
      expect(await links.replace(record, 'again', clock() + HOUR, 'last')).toBe(false)
      expect(await links.get(record)).toBeNull()
    })

    test(`of ${AT_ONCE} who replace a record at once one does, and it is kept`, async () => {
      for (let round = 0; round < 5; round++) {
        const record = fresh('tomb')
        await links.put(record, 'old', clock() + HOUR)
        const replaced = await Promise.all(
          Array.from({ length: AT_ONCE }, (_, n) =>
            (n % 2 === 0 ? links : others).replace(record, `${n}`, clock() + HOUR, 'old'),
          ),
        )
        expect(replaced.filter(Boolean)).toHaveLength(1)
        expect(await links.get(record)).toBe(`${replaced.indexOf(true)}`)
      }
    })

    test(`of ${AT_ONCE} who end the sessions of one user at once the latest counts, and the longest memory of it`, async () => {
      for (let round = 0; round < 5; round++) {
        const sub = fresh('ann')
        const ends = Array.from({ length: AT_ONCE }, (_, n) => ({
          before: 1000 + ((n * 7 + round) % AT_ONCE),
          until: clock() + HOUR + ((n * 11 + round) % AT_ONCE),
        }))
        await Promise.all(
          ends.map(({ before, until }, n) =>
            end(
              { links: n % 2 === 0 ? links : others, groupOf },
              { iss: 'https://id', clientId: 'shop', sub, before },
              clock,
              until,
            ),
          ),
        )
        const mark = await links.get(`tomb.${groupOf('sub', 'https://id', 'shop', sub)}`)
        expect(mark).toBe(`${1000 + AT_ONCE - 1} ${clock() + HOUR + AT_ONCE - 1}`)
      }
    })

    test('sessions join a group and leave it, whatever others do at once', async () => {
      const group = fresh('gid')
      expect(await links.members(group)).toEqual([])
      const numbers = Array.from({ length: 20 }, (_, n) => n)
      await Promise.all(numbers.map((n) => (n % 2 === 0 ? links : others).join(group, member(n), clock() + HOUR)))
      expect(await keysIn(links, group)).toEqual(numbers.map(keyOf).sort())
      await Promise.all([
        links.leave(group, numbers.slice(0, 10).map(keyOf)),
        others.join(group, member(99), clock() + HOUR),
      ])
      expect(await keysIn(others, group)).toEqual([...numbers.slice(10), 99].map(keyOf).sort())
      await links.leave(group, ['nobody'.padEnd(32, 'x')])
    })

    test('two hundred sessions join a group at once, and each is in it', async () => {
      const group = fresh('gid')
      const numbers = Array.from({ length: 200 }, (_, n) => n)
      await Promise.all(numbers.map((n) => (n % 2 === 0 ? links : others).join(group, member(n), clock() + HOUR)))
      expect(await keysIn(links, group)).toEqual(numbers.map(keyOf).sort())
    })

    test('a membership ends, and joining again moves its end', async () => {
      const group = fresh('gid')
      await links.join(group, member(1), clock() + HOUR)
      await links.join(group, member(2), clock() - 1)
      expect(await links.members(group)).toEqual([{ ...member(1), expires: clock() + HOUR }])
      await links.join(group, member(1, 7), clock() + 2 * HOUR)
      expect(await others.members(group)).toEqual([{ ...member(1, 7), expires: clock() + 2 * HOUR }])
      await links.join(group, member(1), clock() - 1)
      expect(await links.members(group)).toEqual([])
    })
  })
}

test.each<EngineName>(['sqlite', 'file'])('what is past its end is swept, and nothing else: %s', async (name) => {
  await using store = await engines[name].start()
  const clock = testClock()
  const { settings, close } = await siteSettings(store.address)
  const site = sojourn({ ...settings, clock })
  await site.migrate()
  const { links } = site.store
  await links.put('tk.old', '1', clock() + 1000)
  await links.put('tk.new', '1', clock() + HOUR)
  await links.join('gid.a', member(1), clock() + 1000)
  await links.join('gid.a', member(2), clock() + HOUR)
  clock.turn(2)
  await site.sessions.clearExpired()
  // Nobody looks for what is past its end, so the store itself has to say that it is gone.
  clock.turn(-2)
  expect(await links.get('tk.old')).toBeNull()
  expect(await links.get('tk.new')).toBe('1')
  expect(await keysIn(links, 'gid.a')).toEqual([keyOf(2)])
  await site.close()
  await close()
})

describe('in a folder', () => {
  const clock = testClock()
  let folder: string
  let site: Site

  beforeEach(() => {
    folder = mkdtempSync(join(tmpdir(), 'sojourn-links-'))
    site = sojourn({ secretKey: SECRET, sessionEngine: 'file', sessionFilePath: folder, clock })
  })
  afterEach(async () => {
    await site.close()
    rmSync(folder, { recursive: true })
  })
  const files = (): readonly string[] =>
    readdirSync(folder, { recursive: true, encoding: 'utf8' }).map((name) => name.replace(/^\.sessionid_links\/?/, ''))

  test('a sweep leaves no empty group, and nothing of a process that ended while it wrote', async () => {
    const { links } = site.store
    await links.join('gid.over', member(1), clock() + 1000)
    await links.join('gid.on', member(1), clock() + HOUR)
    const [left, written] = [join(folder, '.sessionid_links/.left'), join(folder, '.sessionid_links/.written')]
    for (const path of [left, written]) writeFileSync(path, '')
    utimesSync(left, clock() / 1000, clock() / 1000 - 2 * 3600)
    utimesSync(written, clock() / 1000, clock() / 1000)
    clock.turn(2)
    await site.sessions.clearExpired()
    expect(files()).toEqual(expect.arrayContaining(['groups/gid.on', '.written']))
    expect(files()).not.toEqual(expect.arrayContaining(['groups/gid.over']))
    expect(files()).not.toEqual(expect.arrayContaining(['.left']))
  })

  test('two processes that count 300 times each in one record lose nothing', async () => {
    const { links } = site.store
    await links.put('n', '0', Date.now() + HOUR)
    const counter = fileURLToPath(new URL('link-counter.ts', import.meta.url))
    const counting = [1, 2].map(async () => {
      const child = spawn(process.execPath, ['--import', 'tsx', counter, folder, 'n', '300'], { stdio: 'inherit' })
      return (await once(child, 'close'))[0] as number
    })
    expect(await Promise.all(counting)).toEqual([0, 0])
    expect(await links.get('n')).toBe('600')
    expect(files().filter((name) => name.startsWith('.'))).toEqual([])
  }, 60_000)

  test('a record can be replaced whose lock was left by a process that ended, and a sweep takes what else was left', async () => {
    const { links } = site.store
    await links.put('n', '0', clock() + HOUR)
    const hidden = join(folder, '.sessionid_links')
    for (const name of ['.n_lock', '.other_lock']) {
      mkdirSync(join(hidden, name))
      writeFileSync(join(hidden, name, 'token'), '1')
      utimesSync(join(hidden, name), clock() / 1000, clock() / 1000 - 2 * 3600)
    }
    expect(await links.replace('n', '1', clock() + HOUR, '0')).toBe(true)
    expect(await links.get('n')).toBe('1')
    await site.sessions.clearExpired()
    expect(files().filter((name) => name.startsWith('.'))).toEqual([])
  })

  test('who joins a group whose folder is taken away at that moment is in it all the same', async () => {
    const { links } = site.store
    await links.join('gid.a', member(0), clock() + HOUR)
    const group = join(folder, '.sessionid_links/groups/gid.a')
    const sweeping = new Worker(
      "const { rmdirSync } = require('node:fs'), { workerData } = require('node:worker_threads')\n" +
        'const now = new Int32Array(new SharedArrayBuffer(4))\n' +
        'for (const end = Date.now() + 1500; Date.now() < end; Atomics.wait(now, 0, 0, 2)) try { rmdirSync(workerData) } catch {}',
      { eval: true, workerData: group },
    )
    await once(sweeping, 'online')
    for (let n = 0, end = Date.now() + 1500; Date.now() < end && n < 5000; n++) {
      await links.join('gid.a', member(n), clock() + HOUR)
      expect(await links.members('gid.a')).toContainEqual({ ...member(n), expires: clock() + HOUR })
      await links.leave('gid.a', [keyOf(n), keyOf(0)])
    }
    await once(sweeping, 'exit')
  })

  test('on a full disk nothing is left of what could not be written', async ({ skip }) => {
    await using disk = await SmallDisk.mount(1)
    if (disk === undefined) return skip('needs root, to mount a disk')
    const full = new FileLinks(disk.folder, 'sessionid', clock)
    full.join('gid.a', member(0), clock() + HOUR)
    await disk.fill()
    expect(() => full.put('tk.a', 'x'.repeat(10_000), clock() + HOUR)).toThrow(/ENOSPC/)
    expect(readdirSync(join(disk.folder, '.sessionid_links')).sort()).toEqual(['groups', 'records'])
  })
})

test('in a store that cannot compare, who is overwritten by another process at that moment writes again', async () => {
  const clock = testClock()
  const values = new Map<string, string>()
  let meanwhile: (() => void) | null = null
  const there = {
    get: async (key: string) => values.get(key),
    set: async (key: string, value: string) => {
      values.set(key, value)
      meanwhile?.()
    },
    delete: async (key: string) => values.delete(key),
  }
  const links = new CacheLinks(fromKeyv(there, { clock }), '', clock)
  const endBefore = (before: number) =>
    end({ links, groupOf }, { iss: 'https://id', clientId: 'shop', sub: 'ann', before }, clock, clock() + HOUR)
  const mark = async () => (await links.get(`tomb.${groupOf('sub', 'https://id', 'shop', 'ann')}`))?.split(' ')[0]
  for (const [before, other] of [
    [20, 10],
    [40, 30],
  ]) {
    meanwhile = () => {
      meanwhile = null
      for (const [key, value] of values) values.set(key, value.replace(/:.*/, `:${btoa(`${other} ${clock()}`)}`))
    }
    await endBefore(before as number)
    expect(await mark()).toBe(String(before))
  }
})

test('a mark that others change all the time is a failure, and no end that nobody knows of', async () => {
  const clock = testClock()
  const { links } = bareSite({ engine: memoryEngine({ clock }), clock }).store
  const busy: LinkStore = Object.assign(Object.create(links) as LinkStore, { ...links, replace: () => false })
  const ending = (moment: number) =>
    Promise.resolve().then(() => end({ links: busy, groupOf }, { group: 'a' }, () => moment, moment + HOUR))
  await ending(clock())
  await expect(ending(clock() + 1)).rejects.toThrow(StoreUnavailable)
})

test('a database from before there were these tables has its expired sessions cleared all the same', async () => {
  const clock = testClock()
  const { engine } = sqliteEngine({ clock })
  const site = bareSite({ engine, clock })
  await engine.create('a'.repeat(32), { cells: new Map(), expires: clock() + 1000 })
  clock.turn(2)
  expect(await site.sessions.clearExpired()).toBe(1)
})
