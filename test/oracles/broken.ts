import type { Loaded, SessionEngine } from '../../src/core/types.js'

/** Engines without one of their guards. An oracle that does not find the loss of it would find no other. */
export type Breakage = 'lost' | 'revive' | 'silent'

const changes: Readonly<Record<Breakage, (sound: SessionEngine) => Partial<SessionEngine>>> = {
  /** The later save wins, as in Django. */
  lost: (sound) => ({ save: (key, record) => sound.save(key, record) }),
  /** A save makes what is not there, as Redis' SET does. */
  revive: (sound) => ({
    async save(key, record, expected) {
      const outcome = await sound.save(key, record, expected)
      return outcome === 'missing' ? sound.create(key, record) : outcome
    },
  }),
  /** A store that fails is taken for an empty session, as Django's cache engine does. */
  silent: (sound) => ({
    async load(key): Promise<Loaded | null> {
      try {
        return await sound.load(key)
      } catch {
        return null
      }
    },
  }),
}

export function broken(sound: SessionEngine, breakage: Breakage): SessionEngine {
  const changed: Partial<SessionEngine> = { synchronous: false, ...changes[breakage](sound) }
  // Not a copy: engines have private fields, and methods that are there or not.
  return new Proxy(sound, {
    get(target, name: keyof SessionEngine) {
      if (name in changed) return changed[name]
      const value = target[name]
      return typeof value === 'function' ? value.bind(target) : value
    },
  })
}

export const breakages = Object.keys(changes) as readonly Breakage[]
