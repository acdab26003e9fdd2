import type { Site } from '../core/site.js'
import type { SessionEngine } from '../core/types.js'
import type { App } from './app.js'
import type { Control, Pace, PageSet } from './control.js'
import { order, remoteControl } from './remote-control.js'
import { Stage } from './stage.js'

/** A server under test, wherever it comes from. */
export interface Running {
  /** `http://127.0.0.1:<port>` */
  readonly origin: string
  close(): Promise<void>
}

/** Serves an app through the adapter under test. */
export type Start = (site: Site, app: App) => Promise<Running>

/** Where cases are played: each gets a site of its own behind the adapter under test. */
export interface Venue {
  begin(pace: Pace, pages: PageSet): Promise<Playing>
}

export interface Playing extends Running {
  readonly control: Control
}

/** Servers in this process, one for each case. */
export function localVenue(start: Start, engine?: () => SessionEngine): Venue {
  return {
    async begin(pace, pages) {
      const stage = new Stage({ pace, pages, engine })
      const running = await start(stage.site, stage.app)
      return {
        control: stage,
        origin: running.origin,
        async close() {
          // What waits goes on first, so that a server that waits for its requests can close.
          await stage.close()
          await running.close()
        },
      }
    },
  }
}

/** Where a server listens that runs in a process of its own. */
export interface Address {
  /** `http://127.0.0.1:<port>` */
  readonly origin: string
  /** Where its `contractHost` is reached, if the server itself cannot be asked (default: there). */
  readonly door?: string
}

/** One server that is running somewhere else, with a `contractHost` in it. */
export function remoteVenue(address: () => Address | Promise<Address>): Venue {
  return {
    async begin(pace, pages) {
      const { origin, door = origin } = await address()
      await order(door, ['begin', { pace, pages }])
      return { control: remoteControl(door), origin, close: async () => void (await order(door, ['end'])) }
    },
  }
}
