/**
 * Asks an oracle about a store: whether anything that was acknowledged is lost, or anything that was ended is alive.
 *
 *     npm run oracle -- A redis [--ops 10000] [--clients 8] [--seed 1]   clients of one session, each under its own keys
 *     npm run oracle -- B redis                                          all under one key, by session.transact
 *     npm run oracle -- revive redis [--ops 1000]                        logouts while a request is under way
 *     npm run oracle -- kill redis [--kills 3]                           the load of A and B while servers are killed
 *
 * Several oracles may be named at once (`A,B`), and several stores; `all` is each of them. `--break lost`, `revive`, `silent`
 * or `volatile` takes a guard away, and the oracle must find that; `express-session-redis` is another library under the same
 * load. Ends with 1 where anything is found, and with 2 where it is not understood what to ask.
 */
import { namesOf, parsed, understood, wholeNumber } from '../support/asked.js'
import { engineNames } from '../support/engines.js'
import { missingServer } from '../support/servers/index.js'
import { type Breakage, breakages } from './broken.js'
import { type OracleName, type OracleOptions, oracleNames, startTrial } from './oracles.js'
import { subjects } from './subjects.js'

/** How much is asked for where nobody says. */
const OPS: Readonly<Record<OracleName, number>> = { A: 10_000, B: 10_000, revive: 1000, kill: 0 }

const STORES = subjects.map(({ name }) => name)
const BREAKAGES = [...breakages, 'volatile' as const]
const OPTIONS = {
  ops: { type: 'string' },
  clients: { type: 'string', default: '8' },
  kills: { type: 'string', default: '3' },
  seed: { type: 'string', default: '1' },
  break: { type: 'string' },
} as const
const USAGE = [
  `usage: npm run oracle -- ${oracleNames.join('|')}|all STORE... [--ops N] [--clients N] [--kills N]`,
  `       [--seed N] [--break ${BREAKAGES.join('|')}]`,
  `stores: ${STORES.join(', ')}, all`,
]

/** What is to be asked of what. */
interface Asked {
  readonly oracles: readonly OracleName[]
  readonly stores: readonly string[]
  readonly breakage: Breakage | 'volatile' | undefined
  readonly ops: number | undefined
  readonly sizes: Omit<OracleOptions, 'ops'>
}

process.exitCode = await main(process.argv.slice(2))

async function main(args: string[]): Promise<number> {
  const asked = understood(() => understand(args), USAGE)
  if (asked === null) return 2
  let faults = 0
  for (const store of asked.stores) faults += await ask(store, asked)
  return faults === 0 ? 0 : 1
}

function understand(args: string[]): Asked {
  const { values, positionals } = parsed(args, OPTIONS)
  const [names = '', ...stores] = positionals
  const [oracles, chosen] = [namesOf('oracle', names.split(','), oracleNames), namesOf('store', stores, STORES)]
  return {
    oracles,
    // Other libraries are asked by name only.
    stores: stores.includes('all') ? engineNames : chosen,
    breakage: values.break === undefined ? undefined : namesOf('breakage', [values.break], BREAKAGES)[0],
    ops: values.ops === undefined ? undefined : wholeNumber('ops', values.ops, 1),
    sizes: {
      clients: wholeNumber('clients', values.clients, 1),
      kills: wholeNumber('kills', values.kills, 1),
      seed: wholeNumber('seed', values.seed, 0),
    },
  }
}

async function ask(name: string, { oracles, breakage, ops, sizes }: Asked): Promise<number> {
  const subject = subjects.find((each) => each.name === name)
  if (subject === undefined) throw new Error(`No store is called ${name}.`)
  const missing = (await Promise.all(subject.servers.map((server) => missingServer(server)))).find(Boolean)
  const cannot = subject.cannot ?? missing
  if (cannot !== undefined) {
    console.log(`${name}: ${cannot}`)
    return missing === undefined ? 0 : 1
  }
  await using trial = await startTrial(subject, breakage)
  let faults = 0
  for (const oracle of oracles) {
    if (oracle === 'kill' && !subject.durable) {
      console.log(`${name} kill: it keeps nothing when it ends, and does not say so.`)
      continue
    }
    const finding = await trial.ask(oracle, { ops: ops ?? OPS[oracle], ...sizes })
    const [figure, ...rest] = finding.lines
    console.log(`${figure} (${oracle}, ${name})`)
    for (const line of rest) console.log(`  ${line}`)
    faults += finding.faults
  }
  return faults
}
