import { type ChildProcess, spawn } from 'node:child_process'
import { once } from 'node:events'
import {
  chmodSync,
  chownSync,
  existsSync,
  lstatSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  renameSync,
  rmdirSync,
  rmSync,
  statSync,
  symlinkSync,
  truncateSync,
  utimesSync,
  writeFileSync,
} from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { createInterface } from 'node:readline'
import { setTimeout as sleep } from 'node:timers/promises'
import { fileURLToPath } from 'node:url'
import { inspect } from 'node:util'
import { afterEach, beforeEach, describe, expect, onTestFinished, test } from 'vitest'
import { signedCodec } from '../../src/codecs/signed.js'
import { StoreAnswered } from '../../src/core/answer.js'
import { clearExpired } from '../../src/core/clear-expired.js'
import type { Saved, SessionRecord } from '../../src/core/types.js'
import { breakLock, Claim } from '../../src/engines/file/lock.js'
import { type FileEngineOptions, fileEngine } from '../../src/engines/file.js'
import { ImproperlyConfigured, SessionTooLarge, StoreUnavailable } from '../../src/errors.js'
import { testClock } from '../../src/testing/clock.js'
import { mayInstall } from '../support/debian.js'
import { run } from '../support/run.js'
import { SECRET } from '../support/sites.js'

const KEY = 'a'.repeat(32)
const OTHER = 'b'.repeat(32)
const TWO_WEEKS = 1_209_600
const NOBODY = 65_534

let folder: string
let clock = testClock()
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'sojourn-file-'))
  clock = testClock()
})
afterEach(() => rmSync(folder, { recursive: true, force: true }))

const codec = signedCodec({ secretKey: SECRET })
const engineOf = (options: Partial<FileEngineOptions> = {}) =>
  fileEngine({ folder, codec, clock: () => clock(), sync: false, ...options })
const record = (data: Record<string, string>, seconds = 60): SessionRecord => ({
  cells: new Map(Object.entries(data)),
  expires: clock() + seconds * 1000,
})
const fileOf = (key = KEY): string => join(folder, `sessionid${key}`)
const lockOf = (key = KEY): string => join(folder, `.sessionid${key}_lock`)
const seconds = (path: string): number => Math.round(statSync(path).mtimeMs) / 1000
const versionOf = (outcome: unknown): unknown => (outcome as Saved).version
const hidden = (): string[] => readdirSync(folder).filter((name) => name.startsWith('.'))

describe('the files', () => {
  test('are named and filled as by Django, for their owner alone, and nothing else is left', async () => {
    const engine = engineOf({ sync: true, sessionCookieName: 'my_sid' })
    const version = versionOf(await engine.create(KEY, record({ a: '1' })))
    await engine.save(KEY, record({ a: '2' }), version)
    expect(readdirSync(folder)).toEqual([`my_sid${KEY}`])
    const path = join(folder, `my_sid${KEY}`)
    expect(statSync(path).mode & 0o777).toBe(0o600)
    expect(codec.decode(readFileSync(path, 'latin1'))?.get('a')).toBe('2')
    await engine.delete(KEY)
    expect(readdirSync(folder)).toEqual([])
  })

  test('an empty one is an empty session, whose next save compares too', () => {
    const engine = engineOf()
    writeFileSync(fileOf(), '')
    utimesSync(fileOf(), clock() / 1000, clock() / 1000)
    expect(engine.load(KEY)).toMatchObject({ version: '', corrupted: false })
    expect(engine.save(KEY, record({ a: '1' }), 'another')).toBe('conflict')
    expect(engine.save(KEY, record({ a: '1' }), '')).toHaveProperty('version')
  })

  test.each(['garbage', 'e30:1r31eq:AAAA', 'é'])(
    'one that does not verify (%j) is empty data, and lasts as Django says',
    (text) => {
      const engine = engineOf({ sessionCookieAge: 100 })
      writeFileSync(fileOf(), text)
      utimesSync(fileOf(), clock() / 1000, clock() / 1000)
      const loaded = engine.load(KEY) as { version: unknown; expires(): number }
      expect(loaded).toMatchObject({ corrupted: true, cells: new Map() })
      expect(loaded.expires()).toBe(clock() + 100_000)
      expect(engine.save(KEY, record({ a: '2' }), loaded.version)).toHaveProperty('version')
      expect(engine.load(KEY)).toMatchObject({ corrupted: false, cells: new Map([['a', '2']]) })
    },
  )

  test('one larger than the buffer, and larger than is read, can be deleted', async () => {
    const engine = engineOf()
    const big = JSON.stringify(Array.from({ length: 30_000 }, (_, i) => (i * 7919) % 10_007))
    await engine.create(KEY, record({ big }))
    expect(statSync(fileOf()).size).toBeGreaterThan(16_384)
    expect((await engine.load(KEY))?.cells.get('big')).toBe(big)
    const refuse = (): never => {
      throw new SessionTooLarge('more than is read')
    }
    const narrow = engineOf({ codec: { encode: codec.encode.bind(codec), decode: refuse } })
    expect(() => narrow.load(KEY)).toThrow(SessionTooLarge)
    expect(narrow.save(KEY, record({}), 'another')).toBe('conflict')
    expect(narrow.delete(KEY)).toBe('deleted')
  })
})

describe('the end', () => {
  test.each([
    ['no expiry of its own', {}, TWO_WEEKS, 0],
    ['0', { _session_expiry: '0' }, TWO_WEEKS, 0],
    ['seconds', { _session_expiry: '300' }, 300, 0],
    ['a moment', { _session_expiry: '"2026-01-01T01:00:00+00:00"' }, 3600, 0],
    ['another end than the data say', {}, 60, 60 - TWO_WEEKS],
  ])('with %s: the file has the time from which it follows', (_, data, age, offset) => {
    const engine = engineOf()
    void engine.create(KEY, record(data, age))
    expect(seconds(fileOf())).toBe(clock() / 1000 + offset)
    const loaded = engine.load(KEY) as { expires(): number }
    expect(loaded.expires()).toBe(clock() + age * 1000)
    clock.turn(age - 0.001)
    expect(engine.load(KEY)).not.toBeNull()
    clock.turn(0.001)
    expect(engine.load(KEY)).toBeNull()
  })

  test('under an absolute limit a session slides in ours, up to the limit that Django reads', () => {
    const limits = { sessionAbsoluteAge: 7200, sessionCookieAge: 600 }
    const engine = engineOf(limits)
    const data = { _sojourn_t0: `${clock() / 1000}`, _session_expiry: '"2026-01-01T02:00:00+00:00"' }
    void engine.create(KEY, record(data, 600))
    clock.turn(599)
    expect(engine.touch?.(KEY, clock() + 600_000)).toBe('saved')
    clock.turn(599)
    expect(engine.load(KEY)).not.toBeNull()
    clock.turn(1)
    expect(engine.load(KEY)).toBeNull()
  })

  test('a moment without an offset is of the zone that the site has', () => {
    void engineOf().create(KEY, record({ _session_expiry: '"2026-01-01T01:00:00"' }, 3600))
    const end = (zone: string): unknown =>
      (engineOf({ useTz: false, timeZone: zone }).load(KEY) as { expires(): number }).expires()
    expect([end('UTC'), end('America/Chicago')]).toEqual([clock() + 3_600_000, clock() + 7 * 3_600_000])
  })

  test('touch moves the time of the file and nothing else', async () => {
    const engine = engineOf()
    const version = versionOf(engine.create(KEY, record({ a: '1' }, TWO_WEEKS)))
    const { ino } = statSync(fileOf())
    clock.turn(100)
    expect(engine.touch?.(KEY, clock() + TWO_WEEKS * 1000)).toBe('saved')
    expect(seconds(fileOf())).toBe(clock() / 1000)
    expect(statSync(fileOf()).ino).toBe(ino)
    expect(engine.save(KEY, record({ a: '2' }), version)).toHaveProperty('version')
  })
})

describe('clearExpired', () => {
  test('deletes what is over, leaves what is not, and counts sessions only', async () => {
    const engine = engineOf({ sessionCookieAge: 100 })
    void engine.create(KEY, record({}, 10))
    void engine.create(OTHER, record({}, 50))
    const bad = `sessionid${'c'.repeat(32)}`
    writeFileSync(join(folder, bad), 'garbage')
    utimesSync(join(folder, bad), clock() / 1000 - 101, clock() / 1000 - 101)
    writeFileSync(join(folder, 'another file'), '')
    writeFileSync(join(folder, 'sessionid.txt'), '')
    clock.turn(11)
    expect(await engine.clearExpired?.()).toBe(2)
    expect(readdirSync(folder).sort()).toEqual(['another file', 'sessionid.txt', `sessionid${OTHER}`].sort())
  })

  test('removes temporary files and locks of writers that died, an hour later, and never a live one', async () => {
    const engine = engineOf()
    const names = [`sessionid${KEY}_out_x1y2z3`, `.sessionid_new_${'t'.repeat(20)}`, `.sessionid${KEY}_lock`]
    const lay = (age: number, suffix: string): void => {
      for (const name of names) {
        const path = join(folder, name.replace(/t{20}/, suffix.repeat(20)).replace(KEY, suffix.repeat(32)))
        if (name.startsWith('.')) {
          mkdirSync(path)
          writeFileSync(join(path, 'token'), '')
        } else writeFileSync(path, '')
        utimesSync(path, clock() / 1000 - age, clock() / 1000 - age)
      }
    }
    lay(3599, 'y')
    const young = readdirSync(folder).sort()
    lay(3601, 'o')
    writeFileSync(join(folder, '.sessionid'), '')
    utimesSync(join(folder, '.sessionid'), 1, 1)
    expect(await engine.clearExpired?.()).toBe(0)
    expect(readdirSync(folder).sort()).toEqual(['.sessionid', ...young].sort())
  })

  /** Sessions that are over, with names in some order of the folder's own. */
  const over = (count: number): void => {
    for (let i = 0; i < count; i++) void engineOf().create(`${i}`.padStart(32, 'o'), record({}, -1))
  }
  const sessions = (): string[] => readdirSync(folder).filter((name) => name.startsWith('sessionid'))
  const failureOf = (work: Promise<unknown>): Promise<Error> =>
    work.then(
      () => {
        throw new Error('it did not fail')
      },
      (error: Error) => error,
    )

  test('a file of another user does not keep the others: they go, and it is told without its name', async () => {
    over(40)
    writeFileSync(fileOf(), 'of another user', { mode: 0 })
    const orphan = join(folder, `.sessionid_new_${'t'.repeat(20)}`)
    mkdirSync(orphan, { mode: 0 })
    writeFileSync(join(orphan, 'token'), '')
    utimesSync(orphan, 1, 1)
    const failed = await asSomebody(() => failureOf(clearExpired(engineOf(), clock())))
    expect(failed).toBeInstanceOf(StoreUnavailable)
    expect(failed.message).toContain('of the others 40 were deleted')
    expect((failed.cause as Error).message).toMatch(/EACCES at open \(1 file\), EACCES at \w+ \(1 file\)/)
    expect(inspect(failed, { depth: 9, showHidden: true })).not.toContain(KEY)
    expect(sessions()).toEqual([`sessionid${KEY}`])
    over(2)
    expect((await asSomebody(() => failureOf(Promise.resolve(engineOf().clearExpired?.())))).message).toContain(
      'EACCES',
    )
    expect(sessions()).toEqual([`sessionid${KEY}`])
  })

  test('one larger than any text, and one whose lock cannot be had, do not keep the others either', async () => {
    over(3)
    void engineOf().create(OTHER, record({}, -1))
    writeFileSync(lockOf(OTHER), 'no folder')
    writeFileSync(fileOf(), '')
    truncateSync(fileOf(), 2 ** 40)
    const { cause } = await failureOf(clearExpired(engineOf(), clock()))
    const { message } = cause as Error
    expect(message).toContain('a file larger than any text (1 file)')
    expect(message).toContain('ENOTDIR at rename (1 file)')
    expect(sessions().sort()).toEqual([`sessionid${KEY}`, `sessionid${OTHER}`])
  })

  test('what cannot be read is told of a dry run too, and counted once beside the progress', async () => {
    over(3)
    writeFileSync(fileOf(), '')
    truncateSync(fileOf(), 2 ** 40)
    const dry = await failureOf(clearExpired(engineOf(), clock(), { dryRun: true }))
    expect(dry.message).toContain('of the others 3 are past their end')
    const totals: number[] = []
    const failed = await failureOf(
      clearExpired(engineOf(), clock(), { onProgress: ({ total }) => void totals.push(total) }),
    )
    expect((failed.cause as Error).message).toContain('(1 file)')
    expect(totals.at(-1)).toBe(3)
  })

  test('a dry run removes nothing at all, no orphan either', async () => {
    over(3)
    const orphan = join(folder, `.sessionid_new_${'t'.repeat(20)}`)
    writeFileSync(orphan, '')
    utimesSync(orphan, 1, 1)
    expect(await clearExpired(engineOf(), clock(), { dryRun: true })).toBe(3)
    expect(readdirSync(folder)).toHaveLength(4)
  })

  test('a signal also ends a long way past living sessions, and the folder is let go', async () => {
    for (let i = 0; i < 400; i++) void engineOf().create(`${i}`.padStart(32, 'l'), record({}, 60))
    over(1)
    const open = (): number => readdirSync('/proc/self/fd').length
    const before = open()
    const stop = new AbortController()
    let reads = 0
    const decode = (text: string): ReturnType<typeof codec.decode> => {
      reads++
      return codec.decode(text)
    }
    const counting = { encode: codec.encode.bind(codec), decode }
    const work = clearExpired(engineOf({ codec: counting }), clock(), { signal: stop.signal })
    await new Promise(setImmediate)
    setImmediate(() => stop.abort())
    await work
    expect(reads).toBeLessThan(300)
    expect(open()).toBe(before)
    reads = 0
    const engine = engineOf({ codec: counting })
    expect(await clearExpired(engine, clock(), { dryRun: true, signal: AbortSignal.abort() })).toBe(0)
    expect(reads).toBe(0)
  })

  test('who stops it hears how far it came, also where a file could not be read', async () => {
    over(300)
    const stop = new AbortController()
    for (let i = 0; i < 300; i++) {
      const path = fileOf(`${i}`.padStart(32, 'x'))
      writeFileSync(path, '')
      truncateSync(path, 2 ** 40)
    }
    const cleared = await clearExpired(engineOf(), clock(), { signal: stop.signal, onProgress: () => stop.abort() })
    expect(cleared).toBe(200)
  })

  test('others have their turns meanwhile', async () => {
    over(400)
    let turns = 0
    const counting = setInterval(() => turns++, 0)
    await engineOf().clearExpired?.()
    clearInterval(counting)
    expect(turns).toBeGreaterThan(5)
  })
})

/** As somebody who may not read everything: root may. */
async function asSomebody<T>(work: () => Promise<T>): Promise<T> {
  const isRoot = process.getuid?.() === 0
  if (!isRoot) return work()
  chmodSync(folder, 0o777)
  for (const name of readdirSync(folder)) {
    // Theirs are those that may be read at all.
    if ((lstatSync(join(folder, name)).mode & 0o400) !== 0) chownSync(join(folder, name), NOBODY, NOBODY)
  }
  process.seteuid?.(NOBODY)
  try {
    return await work()
  } finally {
    process.seteuid?.(0)
  }
}

describe('the lock', () => {
  test('of a writer that died is taken over well within two seconds, by one after the other', async () => {
    const engine = engineOf()
    const first = versionOf(engine.create(KEY, record({ n: '0' })))
    mkdirSync(join(lockOf(), 'a-dead-writer'), { recursive: true })
    const begun = performance.now()
    const engines = Array.from({ length: 8 }, () => engineOf())
    const outcomes = await Promise.all(engines.map((each, n) => each.save(KEY, record({ n: `${n + 1}` }), first)))
    expect(performance.now() - begun).toBeLessThan(2000)
    expect(outcomes.filter((outcome) => outcome !== 'conflict')).toHaveLength(1)
    expect(hidden()).toEqual([])
  })

  test('an empty one, left between rename and removal, holds up nobody', () => {
    const engine = engineOf()
    const version = versionOf(engine.create(KEY, record({ a: '1' })))
    mkdirSync(lockOf())
    expect(engine.save(KEY, record({ a: '2' }), version)).toHaveProperty('version')
    expect(engine.delete(KEY)).toBe('deleted')
    expect(hidden()).toEqual([])
  })

  test('of others who keep taking it is waited for, for 400 ms, and then the store has failed', async () => {
    const engine = engineOf()
    const version = versionOf(engine.create(KEY, record({ a: '1' })))
    mkdirSync(lockOf())
    let n = 0
    writeFileSync(join(lockOf(), 'holder0'), '')
    const busy = setInterval(() => renameSync(join(lockOf(), `holder${n}`), join(lockOf(), `holder${++n}`)), 20)
    const begun = performance.now()
    const saving = engine.save(KEY, record({ a: '2' }), version)
    await expect(saving).rejects.toThrow(/400 ms/)
    clearInterval(busy)
    expect(performance.now() - begun).toBeLessThan(1000)
    expect(hidden()).toEqual([`.sessionid${KEY}_lock`])
    expect((await engine.load(KEY))?.cells.get('a')).toBe('1')
  })

  test('taken from a writer that was only slow, keeps that writer from its step', () => {
    const engine = engineOf()
    const loaded = versionOf(engine.create(KEY, record({ a: '1' })))
    const slow = new Claim(lockOf(), (token) => join(folder, token))
    writeFileSync(slow.prepared, 'what the slow one writes')
    let failure: unknown
    void slow.during(() => {
      // It sleeps here, after its look: another takes it for dead, saves, and a third holds the lock when it wakes up.
      breakLock(lockOf(), join(folder, 'away'))
      expect(engine.save(KEY, record({ a: '2' }), loaded)).toHaveProperty('version')
      const third = new Claim(lockOf(), (token) => join(folder, token))
      mkdirSync(third.prepared)
      void third.during(() => {
        for (const step of [
          () => renameSync(slow.inside, fileOf()),
          () => renameSync(fileOf(), join(slow.inside, 'deleted')),
        ]) {
          try {
            step()
            failure = 'it did it'
          } catch (error) {
            failure ??= (error as NodeJS.ErrnoException).code
          }
        }
        slow.drop()
        expect(existsSync(third.inside)).toBe(true)
      })
      third.drop()
    })
    expect(failure).toBe('ENOENT')
    expect(engine.load(KEY)).toMatchObject({ cells: new Map([['a', '2']]) })
    expect(hidden()).toEqual([])
  })

  test('that others have all the time is an answer, and not a store that is silent', async () => {
    const engine = engineOf()
    const loaded = versionOf(engine.create(KEY, record({ a: '1' })))
    let n = 0
    mkdirSync(join(lockOf(), 'holder0'), { recursive: true })
    const timer = setInterval(() => {
      mkdirSync(join(lockOf(), `holder${++n}`))
      rmdirSync(join(lockOf(), `holder${n - 1}`))
    }, 20)
    onTestFinished(() => clearInterval(timer))
    const saved = Promise.resolve(engine.save(KEY, record({ a: '2' }), loaded))
    await expect(saved).rejects.toBeInstanceOf(StoreAnswered)
  })

  test('taken from a save at its very step, makes it look and do it again', () => {
    let broken = 0
    const decode = (text: string) => {
      if (existsSync(lockOf()) && broken++ < 2) breakLock(lockOf(), join(folder, 'away'))
      return codec.decode(text)
    }
    const engine = engineOf({ codec: { encode: codec.encode.bind(codec), decode } })
    const version = versionOf(engine.create(KEY, record({ a: '1' })))
    expect(engine.save(KEY, record({ a: '2' }), version)).toHaveProperty('version')
    expect(broken).toBe(3)
    expect(engine.load(KEY)).toMatchObject({ cells: new Map([['a', '2']]) })
    expect(hidden()).toEqual([])
  })

  test('a save that was flushing while its session was deleted brings nothing back', async () => {
    const engine = engineOf({ sync: true })
    const version = versionOf(await engine.create(KEY, record({ a: '1' })))
    const saving = engine.save(KEY, record({ a: '2' }), version)
    const deleting = engine.delete(KEY)
    expect(await deleting).toBe('deleted')
    expect(await saving).toBe('missing')
    expect(readdirSync(folder)).toEqual([])
  })

  test('a save that was flushing while Django saved is a conflict', async () => {
    const engine = engineOf({ sync: true })
    const version = versionOf(await engine.create(KEY, record({ a: '1' })))
    const saving = engine.save(KEY, record({ a: '2' }), version)
    const theirs = join(folder, `sessionid${KEY}_out_12345678`)
    writeFileSync(theirs, codec.encode(new Map([['a', '"theirs"']])))
    renameSync(theirs, fileOf())
    expect(await saving).toBe('conflict')
    expect((await engine.load(KEY))?.cells.get('a')).toBe('"theirs"')
  })
})

describe('a file system that fails', () => {
  test('without a folder the first use says which setting names it', () => {
    const engine = engineOf({ folder: join(folder, 'none') })
    for (const use of [() => engine.load(KEY), () => engine.create(KEY, record({})), () => engine.exists(KEY)]) {
      expect(use).toThrow(ImproperlyConfigured)
      expect(use).toThrow(/sessionFilePath/)
    }
    writeFileSync(join(folder, 'a file'), '')
    expect(() => engineOf({ folder: join(folder, 'a file') }).load(KEY)).toThrow(/sessionFilePath/)
    expect(() => engineOf({ sessionCookieName: 'a/b' })).toThrow(/sessionCookieName/)
  })

  test('a folder that goes later is a failure, not a folder without sessions', () => {
    const engine = engineOf()
    const version = versionOf(engine.create(KEY, record({ a: '1' })))
    renameSync(folder, `${folder}-away`)
    try {
      const uses = [
        () => engine.load(KEY),
        () => engine.exists(KEY),
        () => engine.save(KEY, record({}), version),
        () => engine.delete(KEY),
        () => engine.touch?.(KEY, clock() + 1000),
        () => engine.create(OTHER, record({})),
      ]
      for (const use of uses) expect(use).toThrow()
    } finally {
      renameSync(`${folder}-away`, folder)
    }
    expect(engine.load(KEY)).not.toBeNull()
  })

  test('M6: on a full disk a save is an error, the old session stays whole, and nothing is left behind', async () => {
    // Only root can mount a disk small enough to be filled; others have the limit of the size of a file, below.
    const small = mkdtempSync(join(tmpdir(), 'sojourn-full-'))
    const mounted = mayInstall() && (await run('mount', ['-t', 'tmpfs', '-o', 'size=256k', 'tmpfs', small])).code === 0
    try {
      if (!mounted) return void expect(mayInstall(), 'root can mount').toBe(false)
      for (const sync of [true, false]) {
        const engine = engineOf({ folder: small, sync })
        const key = `${KEY}-${sync}`
        const version = versionOf(await engine.create(key, record({ a: '1' })))
        writeFileSync(join(small, 'filler'), '')
        const fill = (): void => writeFileSync(join(small, 'filler'), Buffer.alloc(1024), { flag: 'a' })
        expect(() => {
          for (;;) fill()
        }).toThrow(/ENOSPC/)
        const save = async () => engine.save(key, record({ a: '2' }), version)
        await expect(save()).rejects.toThrow(/ENOSPC/)
        await expect(save()).rejects.not.toThrow(key)
        await expect((async () => engine.create(OTHER, record({ a: '2' })))()).rejects.toThrow(/ENOSPC/)
        expect(readdirSync(small).filter((name) => name.startsWith('.') || name.includes(OTHER))).toEqual([])
        expect((await engine.load(key))?.cells.get('a')).toBe('1')
        rmSync(join(small, 'filler'))
        expect(await save()).toHaveProperty('version')
      }
    } finally {
      if (mounted) await run('umount', [small])
      rmSync(small, { recursive: true })
    }
  })

  test('a write that is cut short is an error, and the old session stays whole', async () => {
    await engineOf().create(KEY, record({ n: '0', pad: JSON.stringify('x'.repeat(600)) }, 600))
    clock.show(Date.now())
    const before = readFileSync(fileOf())
    utimesSync(fileOf(), new Date(), new Date())
    const limited = await run('prlimit', [
      '--fsize=100',
      process.execPath,
      '--import',
      'tsx',
      counter,
      folder,
      KEY,
      '1',
    ])
    expect(limited.code).not.toBe(0)
    expect(limited.stderr).toMatch(/EFBIG/)
    expect(limited.stderr).not.toContain(`sessionid${KEY}`)
    expect(readFileSync(fileOf()).equals(before)).toBe(true)
    expect(hidden()).toEqual([])
  })

  test('what may not be read or written is an error that names no session', async () => {
    const engine = engineOf()
    mkdirSync(fileOf(OTHER))
    // A folder in a session's place is no session, and is not replaced.
    expect(engine.load(OTHER)).toBeNull()
    expect(engine.create(OTHER, record({}))).toBe('conflict')
    const version = versionOf(engine.create(KEY, record({ a: '1' })))
    writeFileSync(lockOf(), 'no folder')
    const failed = await Promise.resolve()
      .then(() => engine.save(KEY, record({ a: '2' }), version))
      .then(String, (error: unknown) => error as Error & { path?: string; dest?: string })
    expect(failed).toBeInstanceOf(Error)
    expect(JSON.stringify(failed) + String((failed as Error).stack)).not.toContain(KEY)
    expect(failed).not.toHaveProperty('path')
    expect(hidden()).toEqual([`.sessionid${KEY}_lock`])
  })
})

const counter = fileURLToPath(new URL('file-counter.ts', import.meta.url))

function count(times: number, sync = '0'): { readonly child: ChildProcess; readonly lines: string[] } {
  const child = spawn(process.execPath, ['--import', 'tsx', counter, folder, KEY, `${times}`], {
    env: { ...process.env, SYNC: sync },
    stdio: ['ignore', 'pipe', 'inherit'],
  })
  const lines: string[] = []
  createInterface(child.stdout as NodeJS.ReadableStream).on('line', (line) => lines.push(line))
  return { child, lines }
}

describe('processes', () => {
  const begin = async (): Promise<ReturnType<typeof engineOf>> => {
    clock.show(Date.now())
    const engine = engineOf({ clock: Date.now })
    await engine.create(KEY, record({ n: '0' }, 600))
    return engine
  }

  test.each(['0', '1'])(
    'two that count 500 times each lose nothing (sync: %s)',
    async (sync) => {
      const engine = await begin()
      const two = [count(500, sync), count(500, sync)]
      for (const { code } of await Promise.all(
        two.map(async ({ child }) => ({ code: (await once(child, 'close'))[0] })),
      )) {
        expect(code).toBe(0)
      }
      expect((await engine.load(KEY))?.cells.get('n')).toBe('1000')
      const acknowledged = two.flatMap(({ lines }) => lines.filter((line) => /^\d+$/.test(line)))
      expect(new Set(acknowledged).size).toBe(1000)
      const conflicts = two.map(({ lines }) => Number(/\d+/.exec(lines.at(-1) as string)))
      expect(Math.max(...conflicts), 'they met').toBeGreaterThan(0)
      expect(hidden()).toEqual([])
    },
    60_000,
  )

  test('kill -9 in the middle, 20 times: nothing torn, nothing acknowledged lost, and the next goes on at once', async () => {
    const engine = await begin()
    let last = 0
    for (let round = 0; round < 20; round++) {
      const { child, lines } = count(1_000_000, round % 2 === 0 ? '0' : '1')
      const closed = once(child, 'close')
      while (lines.length === 0 && child.exitCode === null) await sleep(2)
      await sleep(Math.random() * 30)
      child.kill('SIGKILL')
      await closed
      const acknowledged = Number(lines.at(-1))
      const loaded = await engine.load(KEY)
      expect(loaded?.corrupted).toBe(false)
      const n = Number(loaded?.cells.get('n'))
      expect([acknowledged, acknowledged + 1]).toContain(n)
      expect(n).toBeGreaterThan(last)
      const begun = performance.now()
      const outcome = await engine.save(KEY, record({ n: `${n + 1}` }, 600), loaded?.version)
      expect(outcome).toHaveProperty('version')
      expect(performance.now() - begun).toBeLessThan(2000)
      last = n + 1
    }
    const left = hidden()
    clock.show(Date.now() + 3_602_000)
    await engineOf().clearExpired?.()
    expect(hidden(), `${left.length} were left by the dead`).toEqual([])
  }, 120_000)
})

test('a link in the place of a session is neither read nor written through', async () => {
  const elsewhere = join(folder, 'elsewhere')
  writeFileSync(elsewhere, codec.encode(new Map([['user', '1']])))
  chmodSync(elsewhere, 0o644)
  const before = { text: readFileSync(elsewhere, 'latin1'), time: seconds(elsewhere) }
  clock.show(Date.now())
  symlinkSync(elsewhere, fileOf())
  const engine = engineOf()
  expect(engine.load(KEY)).toBeNull()
  expect(engine.save(KEY, record({ a: '1' }))).toBe('missing')
  expect(engine.touch?.(KEY, clock() + 1e6)).toBe('missing')
  expect(engine.create(KEY, record({ a: '1' }))).toBe('conflict')
  expect(engine.delete(KEY)).toBe('missing')
  await engine.clearExpired?.()
  expect(lstatSync(fileOf()).isSymbolicLink()).toBe(true)
  expect({ text: readFileSync(elsewhere, 'latin1'), time: seconds(elsewhere) }).toEqual(before)
})
