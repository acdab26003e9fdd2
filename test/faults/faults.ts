import { setTimeout as sleep } from 'node:timers/promises'
import type { Gateway, Spoiling } from './gateway.js'
import { answers, firstAnswer } from './probe.js'
import type { Running } from './subjects.js'

/**
 * `kill`: the server is killed and started again. `pause`: it is stopped and goes on. `slow`, `cut`, `half-open`: the network before it
 * is bad (`Spoiling`). `full`: there is no room on its disk.
 */
export const faultNames = ['kill', 'pause', 'slow', 'cut', 'half-open', 'full'] as const

export type FaultName = (typeof faultNames)[number]

export interface Fault {
  /** Whether the application reaches its store through the gateway. */
  readonly isRemote: boolean
  begin(running: Running, gateway: Gateway | undefined): Promise<void>
  /** Ends it; the moment at which the server answered again. */
  end(running: Running, gateway: Gateway | undefined): Promise<number>
}

export const faults: Readonly<Record<FaultName, Fault>> = {
  kill: {
    isRemote: false,
    begin: async ({ server }) => server?.kill(),
    async end(running) {
      const [answered] = await Promise.all([heard(running), running.server?.start()])
      return answered
    },
  },
  pause: {
    isRemote: false,
    begin: async ({ server }) => server?.pause(),
    async end(running) {
      running.server?.resume()
      return heard(running)
    },
  },
  slow: spoiled('slow'),
  cut: spoiled('cut'),
  'half-open': spoiled('swallow'),
  full: {
    isRemote: false,
    begin: async ({ disk }) => disk?.fill(),
    async end(running) {
      running.disk?.free()
      // Some servers end when they cannot write.
      if (running.url === undefined || (await isUp(running.url))) return performance.now()
      const [answered] = await Promise.all([heard(running), running.server?.start()])
      return answered
    },
  },
}

function spoiled(spoiling: Spoiling): Fault {
  const set = (gateway: Gateway | undefined, to: Spoiling | null): void => {
    if (gateway !== undefined) gateway.spoiling = to
  }
  return {
    isRemote: true,
    begin: async (_, gateway) => set(gateway, spoiling),
    async end(_, gateway) {
      set(gateway, null)
      return performance.now()
    },
  }
}

function heard({ url }: Running): Promise<number> {
  return url === undefined ? Promise.resolve(performance.now()) : firstAnswer(url)
}

async function isUp(url: string): Promise<boolean> {
  for (let tries = 0; tries < 10; tries++) {
    if (await answers(url).catch(() => false)) return true
    await sleep(20)
  }
  return false
}
