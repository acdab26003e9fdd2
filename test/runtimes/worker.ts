/**
 * A Worker that holds its engines to their contract: `/claims/ENGINE` names the claims, `/claims/ENGINE/N` shows one, each in a request of its own.
 * The other pages, `/PAGE/SITE`, are of sites that were made before the first request.
 */
import { type FetchMiddleware, getSession, getUser, login, sojourn } from '../../src/adapters/fetch.js'
import { authenticate, userBackend } from '../../src/auth/index.js'
import { fromUnstorage } from '../../src/caches/unstorage.js'
import type { SessionEngine } from '../../src/core/types.js'
import { cacheKeys } from '../../src/engines/cache.js'
import { SessionObject as Kept } from '../../src/engines/durable-object.js'
import { testClock } from '../../src/testing/clock.js'
import { engineContract } from '../../src/testing/engine-contract.js'
import { newKey } from '../../src/testing/engine-trial.js'
import type { ContractCase } from '../../src/testing/trial.js'
import { kinds } from '../vectors/kinds/index.js'
import { newestCases, runVectors, type VectorFile } from '../vectors/runner.js'
import { bindings, engines, requestEngines, secretKey } from './worker-engines.js'
import { refusals } from './worker-refusals.js'

interface Looked {
  readonly kv: { list(): Iterable<unknown> }
  getAlarm(): Promise<number | null>
}

/** The very class, which lets one look at its storage. */
export class SessionObject extends Kept {
  readonly #looked: Looked

  constructor(state: ConstructorParameters<typeof Kept>[0]) {
    super(state)
    this.#looked = state.storage as unknown as Looked
  }

  override async fetch(request: Request): Promise<Response> {
    if (request.url !== LOOK) return super.fetch(request)
    return Response.json({ kept: [...this.#looked.kv.list()].length, alarm: await this.#looked.getAlarm() })
  }
}

const LOOK = 'https://object/look'

/** What the object of a session holds, and when it wakes. */
async function look(key: string): Promise<unknown> {
  const { SESSIONS } = bindings
  const object = SESSIONS.get(SESSIONS.idFromName(cacheKeys('cache')(key)) as never)
  return JSON.parse(Buffer.from(await (await object.fetch(LOOK)).arrayBuffer()).toString())
}

/** A session that is over in so many milliseconds, by the real clock; touched, so that it is over in so many. */
async function short(first: string, later?: string): Promise<string> {
  const [key, cells] = [newKey(), new Map([['a', '1']])]
  const engine = engines['durable_object']?.make(Date.now)
  await engine?.create(key, { cells, expires: Date.now() + Number(first) })
  if (later !== undefined) await engine?.touch?.(key, Date.now() + Number(later))
  return key
}

const common = { secretKey, databases: { default: bindings.DB }, passwordHashers: ['scrypt'] } as const
const byBinding = sojourn({ ...common, sessionUserIndex: true })

/** Made where Workers allow no timers, no random bytes and no I/O. `binding` knows D1 by the setting alone. */
const sites: Readonly<Record<string, FetchMiddleware>> = {
  binding: byBinding,
  ...Object.fromEntries(
    Object.entries(engines).map(([name, { make }]) => [
      name,
      sojourn({ ...common, sessionEngine: make(Date.now), sessionUserIndex: true }),
    ]),
  ),
}

async function claim(name: string, at: string | undefined): Promise<unknown> {
  const cases = await casesOf(name)
  if (at === undefined) return cases.map((each) => each.name)
  try {
    await cases[Number(at)]?.run()
    return null
  } catch (error) {
    return (error as Error).stack
  }
}

async function casesOf(name: string): Promise<readonly ContractCase[]> {
  const open = requestEngines[name]
  const engine = engines[name]
  return engineContract(async () => {
    // An object's alarm knows only the real time.
    const clock = testClock(new Date())
    if (engine !== undefined) {
      const { shared, make } = engine
      return { clock, engine: make(clock), ...(shared ? { again: () => make(clock) } : {}) }
    }
    const opened = await Promise.all([open?.(), open?.()])
    const [one, other] = opened.map((each) => each?.make(clock))
    return {
      clock,
      engine: one as SessionEngine,
      again: () => other as SessionEngine,
      close: async () => {
        for (const each of opened) await each?.close()
      },
    }
  }, engine?.promise)
}

const A_MINUTE = 60_000
const aMinute = (): Promise<void> => new Promise((resolve) => setTimeout(resolve, A_MINUTE))

/** How many requests are held up, by site; and how many writes. */
const held: Record<string, number> = {}
let writes = 0

/** A storage whose first write takes a minute. */
const slow = fromUnstorage({
  getItem: async () => `${Date.now() + A_MINUTE}:AA==`,
  setItem: async () => {
    if (writes++ === 0) await aMinute()
  },
  removeItem: async () => undefined,
})

/** Clears 100 sessions that are over; how many, and what went wrong unheard. */
async function clear(): Promise<unknown> {
  const unheard: string[] = []
  const hear = (error: unknown): unknown => unheard.push(String(error))
  process.on('unhandledRejection', hear)
  const engine = engines['d1']?.make(Date.now)
  // What the claims have left there.
  await engine?.clearExpired?.()
  for (let n = 0; n < 100; n++) await engine?.create(newKey(), { cells: new Map(), expires: Date.now() - 1000 })
  const cleared = await engine?.clearExpired?.()
  // Whatever was begun beside it is over by then.
  await engine?.exists(newKey())
  process.off('unhandledRejection', hear)
  return { cleared, unheard }
}

type Page = (request: Request, site: string, rest: string | undefined) => unknown

const pages: Readonly<Record<string, Page>> = {
  async count(request) {
    const session = await getSession(request)
    await session.transact((own) => own.set('visits', Number(own.get('visits', 0)) + 1))
    return session.get('visits')
  },
  async hold(request, site) {
    await (await getSession(request)).transact(async (own) => {
      own.set('held', true)
      held[site] = (held[site] ?? 0) + 1
      await aMinute()
    })
  },
  async login(request, _site, password = '') {
    const users = userBackend(byBinding.site)
    if ((await users.getByUsername('ann')) === null) await users.createUser('ann', 'battery-staple')
    const user = await authenticate(request, { username: 'ann', password })
    if (user !== null) await login(request, user)
    return user !== null
  },
  who: async (request) => (await getUser(request))?.username ?? null,
  logins: async (_request, site) => sites[site]?.site.sessions.count(await annId()),
  revoke: async (_request, site) => sites[site]?.site.sessions.revokeUser(await annId()),
}

async function annId(): Promise<number> {
  return (await userBackend(byBinding.site).getByUsername('ann'))?.id ?? 0
}

/** The vectors of the request's body that do not come out. */
async function vectors(request: Request): Promise<unknown> {
  const { failures, kinds: results } = await runVectors(newestCases((await request.json()) as VectorFile), kinds)
  return { failures, passed: results.reduce((sum, { passed }) => sum + passed, 0) }
}

/** What needs no session. */
const plain: Readonly<Record<string, (name: string, at: string | undefined, request: Request) => unknown>> = {
  claims: claim,
  refusals,
  migrate: () => byBinding.site.migrate(),
  held: (site) => held[site] ?? 0,
  clear,
  short,
  look,
  vectors: (_name, _at, request) => vectors(request),
  writes: () => writes,
  write: () => slow.touch('a', Date.now() + A_MINUTE),
}

export default {
  async fetch(request: Request): Promise<Response> {
    const [, what = '', name = '', rest] = new URL(request.url).pathname.split('/')
    const answer = async (value: unknown): Promise<Response> => Response.json((await value) ?? null)
    const [page, withSession] = [pages[what], sites[name]]
    if (page === undefined || withSession === undefined) return answer(plain[what]?.(name, rest, request))
    return withSession((each) => answer(page(each, name, rest)))(request)
  },
}
