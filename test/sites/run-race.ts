/**
 * Logins and logouts of the same sessions at once, on real stores: does a session outlive its logout, or does a login that came later end?
 *
 *     npm run race -- redis [--rounds 10000] [--seed 1] [--break tombstone]
 *
 * Several stores may be named; `all` is each of them. Ends with 1 where anything is found, and with 2 where it is not understood what to ask.
 */
import { sojourn } from 'sojourn'
import { namesOf, parsed, understood, wholeNumber } from '../support/asked.js'
import { engines, siteSettings } from '../support/engines.js'
import { missingServer } from '../support/servers/index.js'
import { type Missing, type RacedStore, type RaceOptions, race, raced } from './race.js'

const OPTIONS = {
  rounds: { type: 'string', default: '10000' },
  seed: { type: 'string', default: '1' },
  break: { type: 'string' },
} as const
const USAGE = [
  'usage: npm run race -- STORE... [--rounds N] [--seed N] [--break tombstone]',
  `stores: ${raced.join(', ')}, all`,
]

process.exitCode = await main(process.argv.slice(2))

async function main(args: string[]): Promise<number> {
  const asked = understood(() => {
    const { values, positionals } = parsed(args, OPTIONS)
    const missing: Missing | undefined =
      values.break === undefined ? undefined : namesOf('breakage', [values.break], ['tombstone' as const])[0]
    const options = {
      rounds: wholeNumber('rounds', values.rounds, 1),
      seed: wholeNumber('seed', values.seed, 0),
      ...(missing === undefined ? {} : { missing }),
    }
    return { stores: namesOf('store', positionals, raced), options }
  }, USAGE)
  if (asked === null) return 2
  let faults = 0
  for (const store of asked.stores) faults += await ask(store, asked.options)
  return faults === 0 ? 0 : 1
}

async function ask(name: RacedStore, options: RaceOptions): Promise<number> {
  const missing = (await Promise.all(engines[name].servers.map((server) => missingServer(server)))).find(Boolean)
  if (missing !== undefined) {
    console.log(`${name}: ${missing}`)
    return 1
  }
  await using store = await engines[name].start()
  const { settings, close } = await siteSettings(store.address)
  const site = sojourn({ ...settings, sessionStoreTimeout: 30 })
  try {
    await site.migrate()
    await site.ready()
    const { rounds, unanswered, survivors, killed, cycled } = await race(settings, site.engine, options)
    console.log(
      `${name}: ${survivors} of ${rounds} sessions outlived their logout, ${killed} later logins were ended; Django gave ${cycled} another key, ${unanswered} rounds were not answered in time`,
    )
    return survivors + killed
  } finally {
    await site.close()
    await close()
  }
}
