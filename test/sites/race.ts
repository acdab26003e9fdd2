import { randomBytes } from 'node:crypto'
import { setImmediate as turn } from 'node:timers/promises'
import { SessionInterrupted, StoreUnavailable, sojourn } from 'sojourn'
import { stateOf } from '../../src/core/dictionary.js'
import { LINK_KEY, type Link } from '../../src/core/link-mark.js'
import type { LinkStore } from '../../src/core/link-store.js'
import type { EndOf } from '../../src/core/links.js'
import type { SettingsInput } from '../../src/core/settings.js'
import type { Site } from '../../src/core/site.js'
import type { Cells, SessionEngine } from '../../src/core/types.js'
import type { EngineName } from '../support/engines.js'

/** The stores that it is asked of. */
export const raced = [
  'memory',
  'file',
  'sqlite',
  'postgres',
  'mariadb',
  'redis',
  'memcached',
  'cached_db',
] as const satisfies readonly EngineName[]

export type RacedStore = (typeof raced)[number]

/** What is found after so many rounds. */
export interface Findings {
  /** Those in which the store answered. */
  readonly rounds: number
  readonly unanswered: number
  /** Sessions that a visitor still has though their login was ended. */
  readonly survivors: number
  /** Logins that came after the logout and are gone. */
  readonly killed: number
  /** Of the rounds, those in which Django gave the session another key. */
  readonly cycled: number
}

/** A guard that may be taken away, to see that the race finds what it is there for. */
export type Missing = 'tombstone'

export interface RaceOptions {
  readonly rounds: number
  readonly seed?: number
  readonly missing?: Missing
}

const AT_ONCE = 5
const KINDS = ['group', 'user', 'sid', 'sub'] as const
type Kind = (typeof KINDS)[number]
const ISSUER = 'https://op.example'
const CLIENT = 'client'
/** When it begins, and when an issuer vouches for those who log in later; in milliseconds since 1970. */
const MOMENT = Math.floor(Date.now() / 1000) * 1000
const LATER = MOMENT + 1000
/** Goes on by a millisecond whenever somebody looks, so that of two moments one is the later. */
let now = MOMENT
const clock = (): number => now++

/**
 * Logins and logouts of the same sessions at once, on two sites over one store, with random pauses before whatever meets it. In half of the
 * rounds a Django beside gives the session a new key at some moment, and tells nobody. Afterwards none of those sessions may be of use, and
 * each login that came later must be.
 */
export async function race(settings: SettingsInput, engine: SessionEngine, options: RaceOptions): Promise<Findings> {
  const random = randomFrom(options.seed ?? 1)
  const sites = [0, 1].map(() => paused(settings, engine, random, options.missing)) as [Site, Site]
  const found = { unanswered: 0, survivors: 0, killed: 0, cycled: 0 }
  for (let round = 0; round < options.rounds; round += AT_ONCE) {
    const some = Array.from({ length: Math.min(AT_ONCE, options.rounds - round) }, (_, n) => round + n)
    await Promise.all(some.map((n) => oneRound(sites, engine, random, n, found)))
  }
  const { unanswered, ...rest } = found
  return { rounds: options.rounds - unanswered, unanswered, ...rest }
}

/** What a store that is too busy leaves open is no finding, and no round either. */
function failed(failures: readonly unknown[], found: Counts): void {
  const other = failures.find((error) => !(error instanceof StoreUnavailable))
  if (other !== undefined) throw other
  found.unanswered++
}

interface Counts {
  unanswered: number
  survivors: number
  killed: number
  cycled: number
}

async function oneRound(
  [here, there]: [Site, Site],
  engine: SessionEngine,
  random: () => number,
  round: number,
  found: Counts,
): Promise<void> {
  const kind = KINDS[round % KINDS.length] as Kind
  const id = randomBytes(9).toString('hex')
  const isDjango = random() < 0.5
  const keys: string[] = []
  const cycle = async (key: string): Promise<void> => {
    await pause(random, 12)
    const loaded = await engine.load(key)
    if (loaded === null) return
    const other = randomBytes(16).toString('hex')
    await engine.create(other, { cells: loaded.cells, expires: MOMENT + 3_600_000 })
    keys.push(other)
    found.cycled++
    await pause(random, 4)
    await engine.delete(key)
  }
  const login = logIn(here, { kind, id, issued: MOMENT }, keys, isDjango ? cycle : undefined)
  const fresh: string[] = []
  let begin: () => void = () => undefined
  const begun = new Promise<void>((resolve) => {
    begin = resolve
  })
  const later =
    kind === 'user' || kind === 'sub' ? begun.then(() => logIn(here, { kind, id, issued: LATER }, fresh)) : undefined
  const logout = pause(random, 20).then(async () => {
    const ended = there.sessions.endSessions(whoOf(kind, id))
    begin()
    await ended
  })
  const failures = (await Promise.allSettled([login, later, logout])).flatMap((each) =>
    each.status === 'rejected' ? [each.reason as unknown] : [],
  )
  if (failures.length > 0) return failed(failures, found)
  for (const key of keys) if (await isLoggedIn(here, key)) found.survivors++
  for (const key of fresh) if (!(await isLoggedIn(there, key))) found.killed++
}

interface Login {
  readonly kind: Kind
  readonly id: string
  /** When the issuer vouched for it, in milliseconds since 1970. */
  readonly issued: number
}

async function logIn(
  site: Site,
  { kind, id, issued }: Login,
  keys: string[],
  cycle?: (key: string) => Promise<void>,
): Promise<void> {
  const name = randomBytes(9).toString('hex')
  const link: Link = {
    g: kind === 'group' ? id : name,
    ...(kind === 'sid' || kind === 'sub' ? { i: ISSUER, c: CLIENT, s: id, u: id, t: issued / 1000 } : {}),
    a: clock(),
  }
  const session = site.sessions.open()
  const state = stateOf(session)
  await session.load()
  state.put('_auth_user_id', kind === 'user' ? id : name)
  state.put(LINK_KEY, link)
  let cycling: Promise<void> | undefined
  whenCreated.set(name, (key) => {
    keys.push(key)
    cycling = cycle?.(key)
  })
  state.put('name', name)
  try {
    await session.save()
  } catch (error) {
    if (!(error instanceof SessionInterrupted)) throw error
  }
  whenCreated.delete(name)
  await cycling
}

function whoOf(kind: Kind, id: string): EndOf {
  const issuer = { iss: ISSUER, clientId: CLIENT }
  if (kind === 'group') return { group: id }
  if (kind === 'user') return { user: id }
  return kind === 'sid' ? { ...issuer, sid: id } : { ...issuer, sub: id, before: MOMENT / 1000 }
}

async function isLoggedIn(site: Site, key: string): Promise<boolean> {
  const session = site.sessions.open(key)
  await session.load()
  return session.has('_auth_user_id')
}

/** Who wants to know that a session was created, by the name in it. */
const whenCreated = new Map<string, (key: string) => void>()

function nameIn(cells: Cells): string {
  return JSON.parse(cells.get('name') ?? '""') as string
}

/** A site that pauses at random before whatever meets the store. */
function paused(settings: SettingsInput, engine: SessionEngine, random: () => number, missing?: Missing): Site {
  const slow = slowly(engine, random)
  const create: SessionEngine['create'] = async (key, record) => {
    const outcome = await slow.create(key, record)
    if (typeof outcome === 'object') whenCreated.get(nameIn(record.cells))?.(key)
    return outcome
  }
  const links = slowly(engine.links as LinkStore, random)
  const blind: LinkStore = mixed(links, { get: async (name) => (name.startsWith('tomb.') ? null : links.get(name)) })
  const own = mixed(slow, { create, synchronous: false, links: missing === 'tombstone' ? blind : links })
  return sojourn({ ...settings, sessionEngine: own, sessionStoreTimeout: 30, clock })
}

function mixed<T extends object>(target: T, own: Partial<T>): T {
  return new Proxy(target, { get: (_, name) => own[name as keyof T] ?? target[name as keyof T] })
}

function slowly<T extends object>(target: T, random: () => number): T {
  return new Proxy(target, {
    get(_, name) {
      const given = target[name as keyof T] as unknown
      if (typeof given !== 'function') return given
      return async (...values: unknown[]) => {
        await pause(random, 4)
        return (given as (...values: unknown[]) => unknown).apply(target, values)
      }
    },
  })
}

async function pause(random: () => number, most: number): Promise<void> {
  for (let turns = Math.floor(random() * (most + 1)); turns > 0; turns--) await turn()
}

/** mulberry32, by its published constants. */
function randomFrom(seed: number): () => number {
  let state = seed
  return () => {
    state = (state + 0x6d2b79f5) | 0
    let mixed = Math.imul(state ^ (state >>> 15), 1 | state)
    mixed = (mixed + Math.imul(mixed ^ (mixed >>> 7), 61 | mixed)) ^ mixed
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 4_294_967_296
  }
}
