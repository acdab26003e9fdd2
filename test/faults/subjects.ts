import { type EngineName, engines, type Failing, type StoreAddress } from '../support/engines.js'
import type { ServerName } from '../support/servers/programs.js'
import type { FaultName } from './faults.js'
import { SmallDisk } from './small-disk.js'

/** A store of which one server is to fail. */
export interface Subject {
  readonly name: string
  readonly engine: EngineName
  readonly servers: readonly ServerName[]
  /** Where the URL of the server that fails is, in the store's address; `null` where there is only a disk. */
  readonly victim: 'database' | 'cache' | null
  readonly faults: readonly FaultName[]
  /** Whether a killed server forgets all, as it always said. */
  readonly forgets: boolean
  /** The faults of which visitors may meet errors or none: whoever writes into one session with many others may not get its turn in time. */
  readonly unnoticed: readonly FaultName[]
  /** Whether the store works on without the one that fails. */
  readonly doesWithout: boolean
  /** The size of a disk for its data, in megabytes; none for what keeps nothing there. */
  readonly disk: number | null
}

const REMOTE: readonly FaultName[] = ['kill', 'pause', 'slow', 'cut', 'half-open']

function subject(name: string, engine: EngineName, more: Partial<Subject>): Subject {
  const disk = more.disk ?? null
  return {
    ...{
      name,
      engine,
      servers: engines[engine].servers,
      victim: 'cache',
      forgets: false,
      unnoticed: ['slow'],
      doesWithout: false,
      disk,
    },
    faults: disk === null ? REMOTE : [...REMOTE, 'full'],
    ...more,
  }
}

export const subjects: readonly Subject[] = [
  subject('postgres', 'postgres', { victim: 'database', disk: 200 }),
  // InnoDB writes for a while into the room that it took before.
  subject('mariadb', 'mariadb', { victim: 'database', disk: 300, unnoticed: ['slow', 'full'] }),
  subject('redis', 'redis', { disk: 32 }),
  subject('ioredis', 'ioredis', { disk: 32 }),
  subject('memcached', 'memcached', { forgets: true }),
  subject('cached_db-database', 'cached_db', { victim: 'database', disk: 200 }),
  subject('cached_db-cache', 'cached_db', { doesWithout: true }),
  subject('file', 'file', { victim: null, disk: 16, faults: ['full'] }),
  subject('sqlite', 'sqlite', { victim: null, disk: 16, faults: ['full'] }),
]

/** A subject that runs. */
export interface Running extends AsyncDisposable {
  readonly subject: Subject
  readonly address: StoreAddress
  /** The URL of the server that fails. */
  readonly url: string | undefined
  readonly server: Failing | undefined
  /** `undefined` where none is needed, or none can be had. */
  readonly disk: SmallDisk | undefined
}

export async function start(subject: Subject): Promise<Running> {
  const { engine, victim } = subject
  const disk = subject.disk === null ? undefined : await SmallDisk.mount(subject.disk)
  try {
    const begin = () => engines[engine].start()
    const store = disk === undefined ? await begin() : await disk.holding(begin)
    const { address } = store
    const last = victim === 'cache' ? store.servers.at(-1) : store.servers[0]
    return {
      subject,
      address,
      url: victim === null ? undefined : address[victim],
      server: last,
      disk,
      [Symbol.asyncDispose]: async () => {
        await store[Symbol.asyncDispose]()
        await disk?.[Symbol.asyncDispose]()
      },
    }
  } catch (error) {
    await disk?.[Symbol.asyncDispose]()
    throw error
  }
}
