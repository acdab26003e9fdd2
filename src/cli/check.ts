import { existsSync } from 'node:fs'
import { dirname, resolve } from 'node:path'
import { setTimeout as wait } from 'node:timers/promises'
import { pathToFileURL } from 'node:url'
import type { Level } from '../core/checks.js'
import type { Settings } from '../core/settings.js'
import { settingsFromEnv } from '../core/settings-env.js'
import { defineSettings } from '../core/settings-input.js'
import type { Site } from '../core/site.js'
import type { MaybePromise, SessionEngine } from '../core/types.js'
import { ImproperlyConfigured, SojournError, StoreUnavailable } from '../errors.js'
import { sojourn } from '../sojourn.js'
import type { Command, ExitCode, World } from './run.js'

const PROMISES = {
  'compare-and-set': 'parallel writes are kept, and what was ended stays so',
  'last-write-wins': 'of parallel writes the last one wins, and a late save may bring back what was ended',
} as const

/** A session and a user whom nobody has. */
const KEY = 'sojourncheck'.padEnd(32, 'x')
const USER = 'sojourn check'
/** Milliseconds until the second try: the first connection of a process that has just begun may be too slow. */
const PAUSE = 300

/** Whether the settings make a site, what its engine promises, and whether its store answers; with `--deploy` what is not safe in them. */
export const check: Command = {
  summary:
    'Check the settings, say what the session engine promises, and ask its store once; --deploy: say what is not safe.',
  takes: ['deploy', 'settings', 'fail-level'],
  async run({ database, deploy, settings: file, 'fail-level': failLevel = 'error' }, { env, out }) {
    const threshold = levelOf(failLevel)
    const settings = file === undefined ? settingsFromEnv(env) : await settingsIn(file)
    const databases = database === undefined ? settings.databases : { ...settings.databases, default: database }
    const given: Settings = { ...settings, ...(databases ? { databases } : {}) }
    const site = sojourn(given)
    try {
      // Nothing is asked of a store for this: it may be looked at anywhere.
      if (deploy) return tell(site, threshold, out)
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

/** Django's, from the least to the worst. */
const LEVELS = ['debug', 'info', 'warning', 'error', 'critical'] as const satisfies readonly (
  | Level
  | 'debug'
  | 'critical'
)[]

function levelOf(name: string): number {
  const level = (LEVELS as readonly string[]).indexOf(name.toLowerCase())
  if (level < 0) throw new ImproperlyConfigured(`--fail-level is ${LEVELS.join(', ')}, not '${name}'.`)
  return level
}

/** The settings of a module, as its default export, as `settings`, or as a function that makes them. */
async function settingsIn(file: string): Promise<Settings> {
  if (!existsSync(file)) throw new ImproperlyConfigured(`There is no file ${file}.`)
  const module = (await import(pathToFileURL(resolve(file)).href)) as { default?: unknown; settings?: unknown }
  const given = module.default ?? module.settings
  const settings: unknown = typeof given === 'function' ? await given() : given
  if (typeof settings === 'object' && settings !== null) return defineSettings(settings)
  throw new ImproperlyConfigured(
    `${file} exports no settings: let its default export be an object of them, or a function that gives one.`,
  )
}

/** In Django's form, so that who reads one can read the other. */
function tell(site: Site, threshold: number, out: World['out']): ExitCode {
  const findings = site.check()
  for (const level of [...LEVELS].reverse()) {
    const some = findings.filter((finding) => finding.level === level)
    if (some.length > 0) out(`${level.toUpperCase()}S:`)
    for (const { id, setting, message, remedy } of some) out(`${setting}: (${id}) ${message}\n\tHINT: ${remedy}`)
  }
  const count = `${findings.length === 0 ? 'no' : findings.length} issue${findings.length === 1 ? '' : 's'}`
  const silenced = site.settings.silencedSystemChecks.length
  out(`${findings.length > 0 ? '\n' : ''}System check identified ${count} (${silenced} silenced).`)
  return findings.some(({ level }) => LEVELS.indexOf(level) >= threshold) ? 1 : 0
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
