import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { missingServer } from '../support/servers/index.js'
import type { FaultName } from './faults.js'
import { BUDGET, isForbidden } from './outcomes.js'
import { linesOf } from './report.js'
import { SmallDisk } from './small-disk.js'
import { subjects } from './subjects.js'
import { type Finding, type Times, Trial } from './trial.js'

const TIMES: Readonly<Record<FaultName, Times>> = {
  kill: { before: 400, during: 1000, after: 800 },
  pause: { before: 400, during: 2000, after: 800 },
  slow: { before: 300, during: 1500, after: 300 },
  cut: { before: 300, during: 1000, after: 800 },
  'half-open': { before: 300, during: 1500, after: 800 },
  full: { before: 300, during: 2000, after: 800 },
}

/** Milliseconds that a page without a session may wait for one that is fetched ahead: a deadline, and a margin. */
const PREFETCH = 750
/** Milliseconds. Alone on a machine it is less than one second, which the command says; here others use its processors. */
const RECOVERY = 2000
/** In the worst second of an outage; about ten, but for those that were begun when it began. */
const CONNECTS = 15

/** A disk can be had where one may mount it. */
const mayMount = await SmallDisk.mount(1).then(async (disk) => {
  await disk?.[Symbol.asyncDispose]()
  return disk !== undefined
})

/** Every fault of a store, one after the other, on one private server and two processes of the application. */
export async function claimsOf(name: string): Promise<void> {
  const subject = subjects.find((each) => each.name === name)
  if (subject === undefined) throw new Error(`No store is called ${name}.`)
  const missing = (await Promise.all(subject.servers.map((server) => missingServer(server)))).find(Boolean)
  describe.skipIf(missing !== undefined)(`${name} under load, while it fails`, () => {
    let trial: Trial
    beforeAll(async () => {
      trial = await Trial.start(subject)
    })
    afterAll(() => trial?.[Symbol.asyncDispose]())
    if (subject.victim !== null) {
      test('a server that ends while nobody asks for anything takes no process along', async () => {
        expect(await trial.killIdle()).toEqual({ hasCrashed: false, complaints: '' })
      })
    }
    for (const fault of subject.faults) {
      test.skipIf(fault === 'full' && !mayMount)(
        `${fault}: an answer or a clear error in time, nothing lost, nobody logged out, and good answers after it`,
        async () => {
          const finding = await trial.try(fault, TIMES[fault])
          console.log(`${name} ${linesOf(finding).join('\n')}`.replace(name, `${name} ${fault}:`))
          expectSound(finding)
          const errors = finding.tally.counts().get('CLEAR_ERROR') ?? 0
          // A fault that nobody notices would prove nothing; one of which nobody is to notice must not be noticed.
          if (subject.unnoticed.includes(fault)) return
          if (subject.doesWithout) expect(errors).toBe(0)
          else expect(errors).toBeGreaterThan(0)
        },
      )
    }
  })
}

function expectSound({ tally, hasCrashed, complaints, recovery, connects }: Finding): void {
  expect(
    tally.entries.filter(({ outcome }) => isForbidden(outcome)).map(({ outcome, detail }) => [outcome, detail]),
  ).toEqual([])
  expect([hasCrashed, complaints]).toEqual([false, ''])
  expect(tally.entries.filter(({ kind, outcome }) => kind === 'plain' && outcome !== 'OK')).toEqual([])
  expect(tally.waits(({ kind }) => kind === 'plain').at(-1)).toBeLessThanOrEqual(PREFETCH)
  expect(tally.waits().at(-1)).toBeLessThanOrEqual(BUDGET)
  expect(recovery).toBeLessThan(RECOVERY)
  expect(connects).toBeLessThanOrEqual(CONNECTS)
}
