/**
 * Lets a store fail under load, and says what became of each request:
 *
 *     npm run faults -- redis pause
 *     npm run faults -- all all [--seconds 5]
 *
 * Several stores and faults may be named at once (`redis,postgres`); `all` is each of them, and of a store each fault that it can have.
 * Ends with 1 where anything came that must not, a store was never back, or a fault could not be tried; with 2 where it is
 * not understood what to try.
 */
import { Misunderstood, namesOf, parsed, understood } from '../support/asked.js'
import { missingServer } from '../support/servers/index.js'
import { type FaultName, faultNames } from './faults.js'
import { faultsOf, linesOf } from './report.js'
import { type Subject, subjects } from './subjects.js'
import { Trial } from './trial.js'

/** Milliseconds that a fault lasts where nobody says. */
const LASTING: Partial<Record<FaultName, number>> = { kill: 2000 }
const STORES = subjects.map(({ name }) => name)
const USAGE = [
  'usage: npm run faults -- STORE|all FAULT|all [--seconds N]',
  `stores: ${STORES.join(', ')}`,
  `faults: ${faultNames.join(', ')}`,
]

interface Asked {
  readonly stores: readonly string[]
  readonly faults: readonly FaultName[]
  /** Milliseconds. */
  readonly during: number | undefined
  /** Whether the faults were named, and not `all` that a store can have; and the stores. */
  readonly namesFaults: boolean
  readonly namesStores: boolean
}

process.exitCode = await main(process.argv.slice(2))

async function main(args: string[]): Promise<number> {
  const asked = understood(() => understand(args), USAGE)
  if (asked === null) return 2
  let wrong = 0
  for (const store of asked.stores) wrong += await tryAll(store, asked)
  return wrong === 0 ? 0 : 1
}

function understand(args: string[]): Asked {
  const { values, positionals } = parsed(args, { seconds: { type: 'string' } })
  const [store = '', fault = '', more] = positionals
  if (more !== undefined)
    throw new Misunderstood(`'${more}' is one too many: several are named with commas between them.`)
  const [stores, faults] = [store.split(','), fault.split(',')]
  const { seconds } = values
  if (seconds !== undefined && !(/^\d+(\.\d+)?$/.test(seconds) && Number(seconds) > 0)) {
    throw new Misunderstood(`--seconds is a number above 0, not '${seconds}'.`)
  }
  return {
    stores: namesOf('store', stores, STORES),
    faults: namesOf('fault', faults, faultNames),
    during: seconds === undefined ? undefined : Number(seconds) * 1000,
    namesFaults: !faults.includes('all'),
    namesStores: !stores.includes('all'),
  }
}

async function tryAll(name: string, asked: Asked): Promise<number> {
  const subject = subjects.find((each) => each.name === name)
  if (subject === undefined) throw new Error(`No store is called ${name}.`)
  const impossible = asked.namesFaults ? asked.faults.filter((fault) => !subject.faults.includes(fault)) : []
  for (const fault of impossible)
    console.log(`${name} ${fault}: it cannot fail so; it has ${subject.faults.join(', ')}`)
  const wrong = asked.namesStores ? impossible.length : 0
  const possible = asked.faults.filter((fault) => subject.faults.includes(fault))
  return possible.length === 0 ? wrong : wrong + (await tryThese(subject, possible, asked.during))
}

async function tryThese(subject: Subject, names: readonly FaultName[], during: number | undefined): Promise<number> {
  const missing = (await Promise.all(subject.servers.map((server) => missingServer(server)))).find(Boolean)
  if (missing !== undefined) {
    console.log(`${subject.name}: ${missing}`)
    return 1
  }
  await using trial = await Trial.start(subject)
  let wrong = 0
  for (const name of names) {
    const cannot = trial.missing(name)
    if (cannot !== undefined) {
      console.log(`${subject.name} ${name}: ${cannot}`)
      wrong++
      continue
    }
    const finding = await trial.try(name, { before: 1000, during: during ?? LASTING[name] ?? 5000, after: 2000 })
    const [figures, ...rest] = linesOf(finding)
    console.log(`${subject.name} ${name}: ${figures}`)
    for (const line of rest) console.log(line)
    wrong += faultsOf(finding)
  }
  return wrong
}
