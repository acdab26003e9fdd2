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
 * load. Ends with 1 where anything is found.
 */
import { parseArgs } from 'node:util'
import { engineNames } from '../support/engines.js'
import { missingServer } from '../support/servers/index.js'
import { type Breakage, breakages } from './broken.js'
import { type OracleName, oracleNames, startTrial } from './oracles.js'
import { subjects } from './subjects.js'

const { values, positionals } = parseArgs({
  allowPositionals: true,
  options: {
    ops: { type: 'string' },
    clients: { type: 'string', default: '8' },
    kills: { type: 'string', default: '3' },
    seed: { type: 'string', default: '1' },
    break: { type: 'string' },
  },
})

/** How much is asked for where nobody says. */
const OPS: Readonly<Record<OracleName, number>> = { A: 10_000, B: 10_000, revive: 1000, kill: 0 }

process.exitCode = await main(positionals[0] ?? '', positionals.slice(1))

async function main(asked: string, names: readonly string[]): Promise<number> {
  const oracles = oracleNames.filter((name) => asked === 'all' || asked.split(',').includes(name))
  const chosen = subjects.filter(({ name }) =>
    names.includes('all') ? engineNames.some((engine) => engine === name) : names.includes(name),
  )
  const breakage = [...breakages, 'volatile' as const].find((name) => name === values.break)
  if (oracles.length === 0 || chosen.length === 0 || (values.break !== undefined && breakage === undefined)) {
    console.error(`usage: npm run oracle -- ${oracleNames.join('|')}|all STORE... [--ops N] [--clients N] [--kills N]`)
    console.error(`       [--seed N] [--break ${breakages.join('|')}|volatile]`)
    console.error(`stores: ${subjects.map(({ name }) => name).join(', ')}, all`)
    return 2
  }
  let faults = 0
  for (const { name } of chosen) faults += await ask(name, oracles, breakage)
  return faults === 0 ? 0 : 1
}

async function ask(
  name: string,
  oracles: readonly OracleName[],
  breakage: Breakage | 'volatile' | undefined,
): Promise<number> {
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
    const finding = await trial.ask(oracle, {
      ops: Number(values.ops ?? OPS[oracle]),
      clients: Number(values.clients),
      kills: Number(values.kills),
      seed: Number(values.seed),
    })
    const [figure, ...rest] = finding.lines
    console.log(`${figure} (${oracle}, ${name})`)
    for (const line of rest) console.log(`  ${line}`)
    faults += finding.faults
  }
  return faults
}
