import { engineNames, engines, type RunningStore } from '../support/engines.js'
import { startRedis } from '../support/servers/index.js'
import type { ServerName } from '../support/servers/programs.js'
import { type Breakage, breakages } from './broken.js'

/** What an oracle is asked about: sojourn on one of its stores, or another library, to see what the oracle can find. */
export interface Subject {
  readonly name: string
  readonly servers: readonly ServerName[]
  readonly shared: boolean
  readonly durable: boolean
  /** Why there is nothing to ask. */
  readonly cannot?: string
  start(options: StartOptions): Promise<RunningSubject>
}

export interface StartOptions {
  readonly breakage?: Breakage | 'volatile'
}

/** What the application's processes are told, as text. */
export interface AppOptions {
  readonly library: 'sojourn' | 'express-session'
  readonly address: Readonly<Record<string, string>>
  readonly breakage?: Breakage
}

export interface RunningSubject extends AsyncDisposable {
  readonly app: AppOptions
  readonly servers: RunningStore['servers']
}

/** A Redis that keeps nothing on its disk. */
const VOLATILE = { appendonly: 'no' }

const inTheBrowser =
  'signed_cookies keeps sessions in the browser: of two answers under way at once the later one replaces the other, and no server can compare.'

const ours: readonly Subject[] = engineNames.map((name) => {
  const { servers, shared, durable, start } = engines[name]
  return {
    name,
    servers,
    shared,
    durable,
    cannot: name === 'signed_cookies' ? inTheBrowser : undefined,
    async start({ breakage }) {
      const store = await start(breakage === 'volatile' ? VOLATILE : undefined)
      const { address } = store
      return {
        app: {
          library: 'sojourn',
          address: { ...address },
          breakage: breakages.find((each) => each === breakage),
        },
        servers: store.servers,
        [Symbol.asyncDispose]: () => store[Symbol.asyncDispose](),
      }
    },
  }
})

const peers: readonly Subject[] = [
  {
    name: 'express-session',
    servers: [],
    shared: false,
    durable: false,
    start: async () => ({
      app: { library: 'express-session', address: {} },
      servers: [],
      [Symbol.asyncDispose]: async () => undefined,
    }),
  },
  {
    name: 'express-session-redis',
    servers: ['redis'],
    shared: true,
    durable: true,
    async start() {
      const server = await startRedis()
      return {
        app: { library: 'express-session', address: { cache: server.url } },
        servers: [server],
        [Symbol.asyncDispose]: () => server[Symbol.asyncDispose](),
      }
    },
  },
]

export const subjects: readonly Subject[] = [...ours, ...peers]
