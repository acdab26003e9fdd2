import { setTimeout as sleep } from 'node:timers/promises'
import type { Site } from '../core/site.js'
import type { SessionEngine } from '../core/types.js'
import { memoryEngine } from '../engines/memory.js'
import { sojourn } from '../sojourn.js'
import type { App } from './app.js'
import { contractPages } from './contract-pages.js'
import { contractUsers } from './contract-users.js'
import type { Control, Made, Pace, PageSet, StoreMood } from './control.js'
import { Gates } from './gates.js'
import { nodePages } from './node-pages.js'
import { Rejections } from './rejections.js'
import { type EngineOperation, type WatchedEngine, watched } from './watched-engine.js'

/** Milliseconds an operation of a slow engine takes. */
const SLOW = 2

export interface StageOptions {
  readonly pace: Pace
  readonly pages: PageSet
  readonly engine?: () => SessionEngine
}

/** What one case is tried on: a site of its own, its pages, and what tells of them. Runs wherever a server runs. */
export class Stage implements Control {
  readonly site: Site
  readonly app: App
  readonly #engine: WatchedEngine
  readonly #gates = new Gates()
  readonly #made: Made = { bytes: 0, ended: false }
  readonly #rejections = new Rejections()
  #hold: readonly EngineOperation[] = []

  constructor({ pace, pages, engine = () => memoryEngine() }: StageOptions) {
    this.#engine = watched(engine(), pace === 'slow' ? { delay: SLOW } : {})
    this.site = sojourn({
      secretKey: 'a secret of the contract, of more than fifty characters',
      sessionEngine: this.#engine,
      authenticationBackends: [contractUsers],
    })
    // Claims make requests fail; nobody wants to read of it.
    this.site.on('request_failed', () => undefined)
    this.app = pages === 'any' ? contractPages(this.#gates, this.#made) : onNodeAlone(this.#gates, this.#made)
  }

  async asked(): Promise<readonly EngineOperation[]> {
    return [...this.#engine.asked]
  }

  async recount(): Promise<void> {
    this.#engine.recount()
  }

  async store({ fail, hang, hold, delay }: StoreMood): Promise<void> {
    if (fail !== undefined) this.#engine.fail = fail
    if (hang !== undefined) this.#engine.hang = hang
    if (hold !== undefined) this.#hold = hold
    if (this.#engine.synchronous || (hold === undefined && delay === undefined)) return
    const time = delay ?? 0
    this.#engine.delay = (operation) => {
      if (this.#hold.includes(operation)) return this.#released(operation)
      return time === 'jitter' ? Math.round(Math.random()) : time
    }
  }

  async exists(key: string): Promise<boolean> {
    return this.#engine.exists(key)
  }

  async stored(key: string): Promise<Readonly<Record<string, unknown>> | null> {
    const session = this.site.sessions.open(key)
    await session.load()
    return session.sessionKey === null ? null : Object.fromEntries(session)
  }

  arrival(gate: string): Promise<void> {
    return this.#gates.arrival(gate)
  }

  async open(gate: string): Promise<void> {
    this.#gates.open(gate)
  }

  async made(): Promise<Made> {
    return { ...this.#made }
  }

  async remake(): Promise<void> {
    for (const name of Object.keys(this.#made)) delete this.#made[name as keyof Made]
    Object.assign(this.#made, { bytes: 0, ended: false })
  }

  async memory(): Promise<number | null> {
    const bytes = globalThis.process?.memoryUsage?.().rss ?? 0
    return bytes > 0 ? bytes : null
  }

  async unhandled(): Promise<readonly string[]> {
    return this.#rejections.take()
  }

  /** Whatever still waits goes on, and comes to its end. */
  async close(): Promise<void> {
    this.#hold = []
    this.#gates.openAll()
    this.#rejections.close()
    await this.site.close()
  }

  async #released(operation: EngineOperation): Promise<void> {
    while (this.#hold.includes(operation)) await sleep(2)
  }
}

function onNodeAlone(gates: Gates, made: Made): App {
  return {
    node: nodePages(gates, made),
    fetch: () => new Response('these pages answer with a ServerResponse', { status: 501 }),
  }
}
