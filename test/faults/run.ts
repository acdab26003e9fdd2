/**
 * Lets a store fail under load, and says what became of each request:
 *
 *     npm run faults -- redis pause
 *     npm run faults -- all all [--seconds 5]
 *
 * Ends with 1 where anything came that must not, or a fault could not be tried.
 */
import { parseArgs } from 'node:util'
import { missingServer } from '../support/servers/index.js'
import { type FaultName, faultNames } from './faults.js'
import { linesOf } from './report.js'
import { type Subject, subjects } from './subjects.js'
import { Trial } from './trial.js'

const { values, positionals } = parseArgs({
  allowPositionals: true,
  options: { seconds: { type: 'string' } },
})

/** Milliseconds that a fault lasts where nobody says. */
const LASTING: Partial<Record<FaultName, number>> = { kill: 2000 }

process.exitCode = await main(positionals[0] ?? '', positionals[1] ?? '')

async function main(store: string, fault: string): Promise<number> {
  const chosen = subjects.filter(({ name }) => store === 'all' || store.split(',').includes(name))
  const names = faultNames.filter((name) => fault === 'all' || fault.split(',').includes(name))
  if (chosen.length === 0 || names.length === 0) {
    console.error('usage: npm run faults -- STORE|all FAULT|all [--seconds N]')
    console.error(`stores: ${subjects.map(({ name }) => name).join(', ')}`)
    console.error(`faults: ${faultNames.join(', ')}`)
    return 2
  }
  let wrong = 0
  for (const subject of chosen) wrong += await tryAll(subject, names)
  return wrong === 0 ? 0 : 1
}

async function tryAll(subject: Subject, names: readonly FaultName[]): Promise<number> {
  const missing = (await Promise.all(subject.servers.map((server) => missingServer(server)))).find(Boolean)
  if (missing !== undefined) {
    console.log(`${subject.name}: ${missing}`)
    return 1
  }
  await using trial = await Trial.start(subject)
  let wrong = 0
  for (const name of names.filter((each) => subject.faults.includes(each))) {
    const cannot = trial.missing(name)
    if (cannot !== undefined) {
      console.log(`${subject.name} ${name}: ${cannot}`)
      wrong++
      continue
    }
    const during = values.seconds === undefined ? (LASTING[name] ?? 5000) : Number(values.seconds) * 1000
    const finding = await trial.try(name, { before: 1000, during, after: 2000 })
    const [figures, ...rest] = linesOf(finding)
    console.log(`${subject.name} ${name}: ${figures}`)
    for (const line of rest) console.log(line)
    wrong += finding.tally.forbidden.length + Number(finding.hasCrashed) + Number(finding.complaints !== '')
  }
  return wrong
}
