import { settingsFromEnv } from '../core/settings-env.js'
import { sojourn } from '../sojourn.js'
import type { Command } from './run.js'

const PROMISES = {
  'compare-and-set': 'parallel writes are kept, and what was ended stays so',
  'last-write-wins': 'of parallel writes the last one wins, and a late save may bring back what was ended',
} as const

/** Whether the settings of the environment make a site, and what its engine promises. */
export const check: Command = {
  summary: 'Check the settings of the environment, and say what the session engine promises.',
  async run({ database }, { env, out }) {
    const settings = settingsFromEnv(env)
    const databases = database === undefined ? settings.databases : { ...settings.databases, default: database }
    const site = sojourn({ ...settings, ...(databases ? { databases } : {}) })
    const { engine } = site
    if (engine.stateless) {
      out(`${engine.name}: nothing is stored. Of parallel writes the browser keeps one, and a copied cookie lives on.`)
    } else {
      const consistency = engine.consistency ?? 'compare-and-set'
      out(`${engine.name}: ${consistency}. That is: ${PROMISES[consistency]}.`)
    }
    await site.close()
    return 0
  },
}
