import { type FastifyInstance, fastify } from 'fastify'
import type { Settings, Site } from 'sojourn'
import { sojourn } from 'sojourn'
import { memoryEngine } from 'sojourn/engines/memory'
import { Client, type Served, serve, type WatchedEngine, watched } from 'sojourn/testing'
import { listenerOf } from '../matrix/servers/fastify-app.js'

/** A site of one test, and the app and the visitor that it gets. */
export class Standing {
  readonly engine: WatchedEngine
  readonly site: Site
  readonly app: FastifyInstance
  #running: Served | undefined
  #visitor: Client | undefined

  constructor(watching: { readonly delay?: number } = {}, settings: Settings = {}) {
    this.engine = watched(memoryEngine(), watching)
    this.site = sojourn({
      secretKey: 'a secret of the tests, of more than fifty characters in all',
      databases: { default: 'sqlite::memory:' },
      sessionEngine: this.engine,
      ...settings,
    })
    this.site.on('request_failed', () => undefined)
    this.app = fastify()
  }

  /** Serves the app as it is now. */
  readonly visitor = async (): Promise<Client> => {
    this.#running ??= await serve(listenerOf(this.app))
    this.#visitor ??= new Client(this.#running.origin)
    return this.#visitor
  }

  async close(): Promise<void> {
    this.#visitor?.close()
    await this.#running?.close()
    await this.app.close()
    await this.site.close()
  }
}

/** Runs a test on a standing site, and closes it. */
export async function standing(
  use: (standing: Standing) => Promise<void>,
  ...given: ConstructorParameters<typeof Standing>
): Promise<void> {
  const made = new Standing(...given)
  try {
    await use(made)
  } finally {
    await made.close()
  }
}

export const PACES = [
  ['a store that answers at once', {}],
  ['a slow store', { delay: 2 }],
] as const
