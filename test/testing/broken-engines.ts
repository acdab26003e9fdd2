import { memoryEngine } from 'sojourn/engines/memory'
import { signedCookiesEngine } from 'sojourn/engines/signed-cookies'
import { type EngineUnderTest, testClock } from 'sojourn/testing'
import type { Cells, Loaded, Saved, SessionEngine, SessionRecord, Sweep } from '../../src/core/types.js'
import { SessionTooLarge } from '../../src/errors.js'
import type { TestClock } from '../../src/testing/clock.js'

export type Change = (sound: SessionEngine, clock: TestClock) => Partial<SessionEngine>

/** An engine that is sound but for what is changed. */
export function changed(sound: SessionEngine, changes: Partial<SessionEngine>): SessionEngine {
  return {
    name: sound.name,
    synchronous: sound.synchronous,
    stateless: sound.stateless,
    consistency: sound.consistency,
    load: (key) => sound.load(key),
    create: (key, record) => sound.create(key, record),
    save: (key, record, expected) => sound.save(key, record, expected),
    touch: sound.touch && ((key, expires) => sound.touch?.(key, expires) ?? 'missing'),
    delete: (key, expected) => sound.delete(key, expected),
    exists: (key) => sound.exists(key),
    sweep: sound.sweep && ((now) => sound.sweep?.(now) as Sweep),
    clearExpired: sound.clearExpired && (() => sound.clearExpired?.() ?? 0),
    ...changes,
  }
}

export function onMemory(change: Change = () => ({})): EngineUnderTest {
  const clock = testClock()
  const sound = memoryEngine({ clock })
  return { clock, engine: changed(sound, change(sound, clock)) }
}

export function onCookies(change: Change = () => ({})): EngineUnderTest {
  const clock = testClock()
  const sound = signedCookiesEngine({ secretKey: 'a secret of the tests, of more than fifty characters', clock })
  return { clock, engine: changed(sound, change(sound, clock)) }
}

const loadedOf = (sound: SessionEngine, key: string): Loaded | null => sound.load(key) as Loaded | null
/** Stores other data than it is given. */
const storing = (change: (cells: Cells) => Cells): Change => {
  const other = (record: SessionRecord): SessionRecord => ({ ...record, cells: change(record.cells) })
  return (sound) => ({
    create: (key, record) => sound.create(key, other(record)),
    save: (key, record, expected) => sound.save(key, other(record), expected),
  })
}
const mapped =
  (change: (key: string, text: string) => readonly [string, string]) =>
  (cells: Cells): Cells =>
    new Map([...cells].map(([key, text]) => change(key, text)))
const far = (clock: TestClock): number => clock() + 60_000
const isAlive = (loaded: Loaded | null): loaded is Loaded => loaded !== null
const turn = (): Promise<void> => new Promise((resolve) => setImmediate(resolve))

/** What is wrong with an engine, and how it comes to be. */
export type Broken = Readonly<Record<string, Readonly<Record<string, Change>>>>

/** By the claim that is about it: each way to be wrong. */
export const BROKEN: Broken = {
  'what was created is loaded in order and to the byte, by another process too': {
    'it keeps values as JavaScript does': storing(mapped((key, text) => [key, text === '1.0' ? '1' : text])),
    'it loses half of a surrogate pair': storing(mapped((key, text) => [key, text.replace('\\ud800', '\\ufffd')])),
    'it forgets the data at a second save': (sound) => ({
      save: (key, record, expected) => sound.save(key, { ...record, cells: new Map() }, expected),
    }),
    'what it kept does not verify': (sound) => ({
      load: (key) => {
        const loaded = loadedOf(sound, key)
        return loaded && { ...loaded, corrupted: true }
      },
    }),
  },
  'keys of the data come back as they are and in their order, whatever they are called': {
    'it keeps data in an object, which sorts its keys': storing(
      (cells) => new Map(Object.entries(Object.fromEntries(cells))),
    ),
    'it keeps data in an object, which has a prototype': storing((cells) => {
      const plain: Record<string, string> = {}
      for (const [key, text] of cells) plain[`${key}`] = text
      return new Map([...cells].filter(([key]) => Object.hasOwn(plain, key)))
    }),
    'it normalizes keys': storing(mapped((key, text) => [key.normalize('NFC'), text])),
  },
  'a session of 5,000 keys comes back whole': {
    'it keeps the first thousand keys': storing((cells) => new Map([...cells].slice(0, 1000))),
  },
  'a session as large as may be comes back whole': {
    'it cuts what is long': storing(mapped((key, text) => [key, text.slice(0, 65_535)])),
  },
  'a session without data is a session': {
    'it takes empty data for none': (sound) => ({
      load: (key) => {
        const loaded = loadedOf(sound, key)
        return loaded?.cells.size ? loaded : null
      },
    }),
  },
  'what a save replaced is gone, and what it brought is there': {
    'a save only adds': (sound) => ({
      save: (key, record, expected) =>
        sound.save(
          key,
          { ...record, cells: new Map([...(loadedOf(sound, key)?.cells ?? []), ...record.cells]) },
          expected,
        ),
    }),
  },
  'a save of what is there already is a save': {
    'a save that changes nothing is missing: MySQL counts no row': (sound) => ({
      save: (key, record, expected) =>
        JSON.stringify([...(loadedOf(sound, key)?.cells ?? [])]) === JSON.stringify([...record.cells])
          ? 'missing'
          : sound.save(key, record, expected),
    }),
  },
  'what nobody kept is null and does not exist, whatever its key looks like': {
    'load throws for unknown keys': (sound) => ({
      load: (key) => {
        const loaded = loadedOf(sound, key)
        if (loaded === null) throw new Error('no such key')
        return loaded
      },
    }),
    'it finds what an object inherits': (sound) => ({ exists: (key) => key in {} || sound.exists(key) }),
  },
  'a session is there until its very end, and tells when that is': {
    'load gives undefined for unknown keys': (sound) => ({
      load: (key) => loadedOf(sound, key) ?? (undefined as unknown as null),
    }),
    'what is past its end loads': (sound, clock) => {
      const kept = new Map<string, Loaded>()
      return {
        load: (key) => {
          const loaded = loadedOf(sound, key) ?? kept.get(key) ?? null
          if (isAlive(loaded)) kept.set(key, loaded)
          return clock() > 0 ? loaded : null
        },
      }
    },
    'it keeps ends in whole seconds, rounded down, and says nothing of it': (sound, clock) => ({
      load: (key) => ((loadedOf(sound, key)?.expires?.() ?? 0) - clock() < 1000 ? null : sound.load(key)),
    }),
    'it tells a wrong end': (sound) => ({
      load: (key) => {
        const loaded = loadedOf(sound, key)
        return loaded && { ...loaded, expires: () => (loaded.expires?.() ?? 0) / 1000 }
      },
    }),
  },
  'a key is itself to the letter: in capitals it is another': {
    'it takes capitals for small letters, as a collation does': (sound) => ({
      load: (key) => sound.load(key.toLowerCase()),
    }),
  },
  'create never replaces': {
    'create replaces': (sound) => ({
      create: (key, record) => {
        sound.delete(key)
        return sound.create(key, record)
      },
    }),
  },
  'save never creates, with a version or without': {
    'save creates': (sound) => ({
      save: (key, record, expected) => {
        const outcome = sound.save(key, record, expected)
        return outcome === 'missing' ? sound.create(key, record) : outcome
      },
    }),
    'save creates what was deleted, at the version it had': (sound) => ({
      save: (key, record, expected) => {
        const outcome = sound.save(key, record, expected)
        return outcome === 'missing' && expected !== undefined ? sound.create(key, record) : outcome
      },
    }),
  },
  'nothing brings back what is past its end': {
    'a save brings back what is past its end': (sound) => ({
      save: (key, record, expected) => {
        if (loadedOf(sound, key) === null && sound.exists(key)) sound.clearExpired?.()
        else return sound.save(key, record, expected)
        return sound.create(key, record)
      },
    }),
    'a touch brings back what is past its end': (sound, clock) => ({
      touch: (key, expires) => {
        const isOver = loadedOf(sound, key) === null && sound.exists(key)
        if (!isOver) return sound.touch?.(key, expires) ?? 'missing'
        sound.clearExpired?.()
        sound.create(key, { cells: new Map(), expires: far(clock) })
        return 'saved'
      },
    }),
  },
  'a save moves the end, on and back': {
    'a save leaves the end where it is': (sound) => ({
      save: (key, record, expected) => {
        const expires = loadedOf(sound, key)?.expires?.() ?? record.expires
        return sound.save(key, { ...record, expires }, expected)
      },
    }),
  },
  'a record that ended before it was kept is never loaded, and is no error': {
    'an end that has passed is an error': (sound, clock) => ({
      create: (key, record) => {
        if (record.expires < clock()) throw new Error('invalid expire time')
        return sound.create(key, record)
      },
    }),
    'no time left is no end at all, as Memcached has it': (sound, clock) => ({
      create: (key, record) =>
        sound.create(key, record.expires === clock() ? { ...record, expires: far(clock) } : record),
    }),
  },
  'an end in the year 9999 is kept': {
    'it keeps ends in 32 bits': (sound) => ({
      create: (key, { cells, expires }) => sound.create(key, { cells, expires: ((expires / 1000) | 0) * 1000 }),
    }),
  },
  'touch moves only the end, and brings nothing back': {
    'touch moves nothing': (sound) => ({ touch: (key) => (sound.load(key) === null ? 'missing' : 'saved') }),
    'touch drops the data': (sound) => ({
      touch: (key, expires) => {
        const outcome = sound.save(key, { cells: new Map(), expires })
        return outcome === 'missing' ? 'missing' : 'saved'
      },
    }),
    'touch revives what was deleted': (sound) => ({
      touch: (key, expires) => {
        if (sound.touch?.(key, expires) === 'missing') sound.create(key, { cells: new Map(), expires })
        return 'saved'
      },
    }),
  },
  'delete ends one session, and an unknown one is no error': {
    'delete only hides': (sound) => ({ delete: (key) => (sound.load(key) === null ? 'missing' : 'deleted') }),
    'delete fails for unknown keys': (sound) => ({
      delete: (key, expected) => {
        if (sound.load(key) === null) throw new Error('no such key')
        return sound.delete(key, expected)
      },
    }),
    'delete takes a conflict for missing': (sound) => ({
      delete: (key, expected) => (expected ? 'conflict' : sound.delete(key)),
    }),
  },
  'a key is taken until its record is cleared: by clearExpired, or by the store itself': {
    'clearExpired clears everything': (sound, clock) => ({
      clearExpired: () => {
        clock.turn(100_000)
        const cleared = sound.clearExpired?.() ?? 0
        clock.turn(-100_000)
        return cleared
      },
    }),
    'clearExpired clears nothing': () => ({ clearExpired: () => 0 }),
    'nobody ever clears': () => ({ clearExpired: undefined }),
  },
  'a sweep deletes little by little what is past its end, and nothing else': {
    'a sweep leaves everything': () => ({ sweep: () => ({ count: () => 0, next: () => 0 }) }),
  },
  'loads at the same time each find their own': {
    'loads that arrive together get each other’s answers': (sound) => {
      let last = ''
      return {
        synchronous: false,
        load: async (key) => {
          last = key
          await undefined
          return sound.load(last)
        },
      }
    },
  },
  'an engine that says it is synchronous loads at once': {
    'it says it is synchronous, and is not': (sound) => ({ load: async (key) => sound.load(key) }),
  },
  'save at a version that is no longer there is a conflict, and changes nothing': {
    'save does not compare': (sound) => ({ save: (key, record) => sound.save(key, record) }),
    'a save without a version is refused': (sound) => ({
      save: (key, record, expected) => (expected === undefined ? 'conflict' : sound.save(key, record, expected)),
    }),
  },
  'create, save and load each give the version that the next save expects': {
    'save gives the version that it was given': (sound) => ({
      save: (key, record, expected) => {
        const outcome = sound.save(key, record, expected)
        return typeof outcome === 'object' && expected ? { version: expected } : outcome
      },
    }),
  },
  'neither a load nor a touch breaks a writer': {
    'touch changes the version': (sound) => ({
      touch: (key, expires) => {
        const loaded = loadedOf(sound, key)
        if (!isAlive(loaded)) return 'missing'
        sound.save(key, { cells: loaded.cells, expires })
        return 'saved'
      },
    }),
  },
  'delete at a version that is no longer there is a conflict, and deletes nothing': {
    'delete ignores the version': (sound) => ({ delete: (key) => sound.delete(key) }),
  },
  'two processes see what the other one did': {
    'it answers from a copy of its own': (sound) => {
      const copies = new Map<string, Loaded>()
      return {
        load: (key) => {
          const loaded = copies.get(key) ?? loadedOf(sound, key)
          if (loaded !== null) copies.set(key, loaded)
          return loaded
        },
      }
    },
  },
  'of 20 that save at once at one version one wins': {
    'it reads before it writes, with a gap between': (sound) => ({
      synchronous: false,
      save: async (key, record, expected) => {
        const loaded = loadedOf(sound, key)
        await turn()
        if (loaded === null) return 'missing'
        return expected !== undefined && loaded.version !== expected ? 'conflict' : sound.save(key, record)
      },
    }),
  },
  'of 200 that save at once at one version one wins': {
    'a queue of a hundred, and what does not fit is done unseen': (sound) => {
      let waiting = 0
      return {
        synchronous: false,
        save: async (key, record, expected) => {
          const isFull = ++waiting > 100
          await turn()
          waiting--
          return sound.save(key, record, isFull ? undefined : expected)
        },
      }
    },
  },
  'of 20 that create one key at once one wins': {
    'create looks before it writes, with a gap between': (sound) => ({
      synchronous: false,
      create: async (key, record) => {
        if (sound.exists(key)) return 'conflict'
        await turn()
        sound.delete(key)
        return sound.create(key, record)
      },
    }),
  },
  'a save and a deletion at once: the session is over, and a late save is told so': {
    'a save that is under way revives what was deleted': (sound) => ({
      synchronous: false,
      save: async (key, record, expected) => {
        if (loadedOf(sound, key) === null) return 'missing'
        await turn()
        const outcome = sound.save(key, record, expected)
        return outcome === 'missing' ? sound.create(key, record) : outcome
      },
    }),
  },
  'a save and a deletion at once, both at one version: one of them wins': {
    'a deletion compares before it deletes, with a gap between': (sound) => ({
      synchronous: false,
      delete: async (key, expected) => {
        const loaded = loadedOf(sound, key)
        await undefined
        await undefined
        if (loaded === null) return 'missing'
        return expected !== undefined && loaded.version !== expected ? 'conflict' : sound.delete(key)
      },
    }),
  },
  'a touch and a save at once: both happen': {
    'a touch writes back the data that it read': (sound) => ({
      synchronous: false,
      touch: async (key, expires) => {
        const loaded = loadedOf(sound, key)
        if (!isAlive(loaded)) return 'missing'
        await turn()
        sound.save(key, { cells: loaded.cells, expires })
        return 'saved'
      },
    }),
  },
  'a touch and a deletion at once: the session is over': {
    'a touch that is under way revives what was deleted': (sound) => ({
      synchronous: false,
      touch: async (key, expires) => {
        const loaded = loadedOf(sound, key)
        if (!isAlive(loaded)) return 'missing'
        await turn()
        if (sound.touch?.(key, expires) === 'missing') sound.create(key, { cells: loaded.cells, expires })
        return 'saved'
      },
    }),
  },
  '8 handles each counting 25 times under its own key: 0 lost': {
    'it reads before it writes, and handlers lose': (sound) => ({ save: (key, record) => sound.save(key, record) }),
  },
  '8 handles counting 25 times each under one key by transact: 0 lost': {
    'it does not compare, and transactions lose': (sound) => ({ save: (key, record) => sound.save(key, record) }),
  },
  'a flush ends the session under a save that is on its way: it is not revived': {
    'a save creates, and a flush is undone': (sound) => ({
      save: (key, record, expected) => {
        const outcome = sound.save(key, record, expected)
        return outcome === 'missing' ? sound.create(key, record) : outcome
      },
    }),
  },
  'a flush at any moment of another save ends the session': {
    'a save creates, and a logout is undone': (sound) => ({
      save: (key, record, expected) => {
        const outcome = sound.save(key, record, expected)
        return outcome === 'missing' ? sound.create(key, record) : outcome
      },
    }),
  },
  'a session that is given a new key keeps what another request saved meanwhile': {
    'delete ignores the version, and a login loses what another request saved': (sound) => ({
      delete: (key) => sound.delete(key),
    }),
  },
  'of two that give one session a new key at once one goes on, and the old key is over': {
    'delete says deleted of what is not there': (sound) => ({
      delete: (key, expected) => {
        const outcome = sound.delete(key, expected)
        return outcome === 'missing' ? 'deleted' : outcome
      },
    }),
  },
  'a store that fails at load is StoreUnavailable, and the session stays what it was': {
    'a session is there until it was loaded': (sound) => {
      const seen = new Set<string>()
      return {
        load: (key) => {
          const isSeen = seen.has(key)
          seen.add(key)
          return isSeen ? null : sound.load(key)
        },
      }
    },
  },
}

const SAID = new Map<string, Cells>()

/** The same of engines whose key is the data. */
export const BROKEN_STATELESS: Broken = {
  'the key is the data, in order and to the byte, for another process too': {
    'it keeps values as JavaScript does': storing(mapped((key, text) => [key, text === '1.0' ? '1' : text])),
  },
  'a save gives another key, whatever key it is given': {
    'a save says no key': (sound) => ({
      save: (key, record) => ({ ...(sound.save(key, record) as Saved), key: undefined }),
    }),
    'a save gives the old key again': (sound) => ({ save: (key) => ({ key, version: sound.name }) }),
  },
  'a key that was changed, or never given, is no session': {
    'an unknown key is an error': (sound) => ({
      load: (key) => {
        const loaded = loadedOf(sound, key)
        if (loaded === null) throw new Error('bad signature')
        return loaded
      },
    }),
    'only the beginning of a key counts': (sound) => ({
      create: (key, record) => {
        const outcome = sound.create(key, record) as Saved
        SAID.set((outcome.key as string).slice(0, -3), record.cells)
        return outcome
      },
      load: (key) => {
        const cells = SAID.get(key.slice(0, -3))
        return cells === undefined ? null : { cells, version: undefined }
      },
    }),
  },
  'a session that is past its end is none': {
    'a session has no end': (sound, clock) => ({
      load: (key) => {
        const now = clock()
        clock.show(new Date('2026-01-01T00:00:00Z'))
        const loaded = sound.load(key)
        clock.show(now)
        return loaded
      },
    }),
  },
  'a session that browsers would not keep is refused, and nothing of it told': {
    'it makes cookies of any length': (sound) => ({
      create: (key, record) =>
        record.cells.has('noise') ? { key: 'k'.repeat(9000), version: key } : sound.create(key, record),
    }),
    'the error holds the data': (sound) => ({
      create: (key, record) => {
        const { noise } = Object.fromEntries(record.cells)
        if (noise !== undefined) throw new SessionTooLarge(`too large: ${noise}`)
        return sound.create(key, record)
      },
    }),
  },
  'to delete a key is no error': {
    'nothing can be deleted, and it says so by an error': () => ({
      delete: () => {
        throw new Error('nothing is stored')
      },
    }),
  },
}
