import { existsSync } from 'node:fs'
import { dirname } from 'node:path'
import { setTimeout as wait } from 'node:timers/promises'
import type { Settings } from '../core/settings.js'
import { settingsFromEnv } from '../core/settings-env.js'
import type { Site } from '../core/site.js'
import type { MaybePromise, SessionEngine } from '../core/types.js'
import { SojournError, StoreUnavailable } from '../errors.js'
import { sojourn } from '../sojourn.js'
import type { Command } from './run.js'

const PROMISES = {
  'compare-and-set': 'parallel writes are kept, and what was ended stays so',
  'last-write-wins': 'of parallel writes the last one wins, and a late save may bring back what was ended',
} as const

/** A session and a user whom nobody has. */
const KEY = 'sojourncheck'.padEnd(32, 'x')
const USER = 'sojourn check'
/** Milliseconds until the second try: the first connection of a process that has just begun may be too slow. */
const PAUSE = 300

/** Whether the settings of the environment make a site, what its engine promises, and whether its store answers. */
export const check: Command = {
  summary: 'Check the settings of the environment, say what the session engine promises, and ask its store once.',
  async run({ database }, { env, out }) {
    const settings = settingsFromEnv(env)
    const databases = database === undefined ? settings.databases : { ...settings.databases, default: database }
    const given: Settings = { ...settings, ...(databases ? { databases } : {}) }
    const site = sojourn(given)
    try {
      out(promiseOf(site.engine))
      const unmade = isInDatabase(site.engine) ? unmadeFile(site) : null
      if (unmade !== null)
        out(`The file ${unmade} is not there yet: it is made, with its tables, when it is first used.`)
      await askAll(site, unmade === null)
      return 0
    } finally {
      await site.close()
    }
  },
}

function promiseOf(engine: SessionEngine): string {
  if (engine.stateless) {
    return `${engine.name}: nothing is stored. Of parallel writes the browser keeps one, and a copied cookie lives on.`
  }
  const consistency = engine.consistency ?? 'compare-and-set'
  return `${engine.name}: ${consistency}. That is: ${PROMISES[consistency]}.`
}

/** The file of a SQLite database, where there is none yet and one can be made: a check makes none. */
function unmadeFile({ settings }: Site): string | null {
  const url: unknown = settings.databases['default']
  if (typeof url !== 'string' || !url.startsWith('sqlite:')) return null
  const [location = ''] = url.replace(/^sqlite:(?:\/\/(?=\/))?/, '').split('?', 1)
  const path = decodeURIComponent(location)
  return path === ':memory:' || path === '' || existsSync(path) || !existsSync(dirname(path)) ? null : path
}

/** Whether sessions are in the database, or when they ended. */
function isInDatabase({ name, stateless }: SessionEngine): boolean {
  return name === 'db' || name === 'cached_db' || stateless === true
}

/** Asks for what is not there, so that nothing is changed; where sessions are listed by user, for a list too. */
async function askAll({ engine, settings, sessions }: Site, isMade: boolean): Promise<void> {
  const isListed = settings.sessionUserIndex
  const store = `The store of the session engine '${engine.name}'`
  if (engine.stateless) {
    if (isMade && isListed) await ask(store, () => sessions.isCutOff(USER, new Map()))
    return
  }
  if (isMade) await ask(store, () => engine.exists(KEY))
  if (isMade && isListed) await ask(store, () => engine.users?.of(USER))
  // The cache beside the table, which nothing above asks.
  await ask(`The cache of the session engine '${engine.name}'`, () => engine.loadCopy?.(KEY))
}

async function ask(what: string, question: () => MaybePromise<unknown>): Promise<void> {
  try {
    await question()
  } catch (first) {
    if (isAboutSettings(first)) throw first
    await wait(PAUSE)
    try {
      await question()
    } catch (cause) {
      if (isAboutSettings(cause)) throw cause
      throw new StoreUnavailable(`${what} fails.`, { cause })
    }
  }
}

function isAboutSettings(error: unknown): boolean {
  return error instanceof SojournError && !(error instanceof StoreUnavailable)
}
