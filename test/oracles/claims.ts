import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { missingServer } from '../support/servers/index.js'
import { type OracleName, startTrial, type Trial } from './oracles.js'
import { subjects } from './subjects.js'

/** What is asked for in every run; far more is by hand (`npm run oracle`), or by `ORACLE_OPS=1000000`. */
const SIZES = { ops: Number(process.env['ORACLE_OPS'] ?? 3000), clients: 8, kills: 3 }
const TRIALS = SIZES.ops / 10
/** Of patience; far more than a machine with nothing else to do needs. */
const MINUTES = 60_000

/** Asks every oracle about these engines, one after the other. */
export async function oracleClaims(names: readonly string[]): Promise<void> {
  for (const name of names) {
    const subject = subjects.find((each) => each.name === name)
    if (subject === undefined) throw new Error(`No engine is called ${name}.`)
    const missing = (await Promise.all(subject.servers.map((server) => missingServer(server)))).find(Boolean)
    describe.skipIf(missing !== undefined)(`${name}${missing === undefined ? '' : ` (${missing})`}`, () => {
      // Another seed each time: what is found in one run is found again by hand with the seed that stands in its name.
      const seed = Math.floor(Math.random() * 2 ** 31)
      let trial: Trial
      beforeAll(async () => {
        trial = await startTrial(subject)
      }, MINUTES)
      afterAll(() => trial?.[Symbol.asyncDispose]())

      async function expectNoFault(oracle: OracleName, ops: number): Promise<void> {
        const { lines, faults } = await trial.ask(oracle, { ...SIZES, ops, seed })
        console.log(`${name} ${oracle}: ${lines.join('\n  ')}`)
        expect(faults, `with --seed ${seed}: ${lines.join('; ')}`).toBe(0)
      }

      test(
        `loses none of ${SIZES.ops} increments that clients of one session make under their own keys`,
        async () => {
          await expectNoFault('A', SIZES.ops)
        },
        5 * MINUTES,
      )

      test(
        `loses none of ${SIZES.ops} increments that they make under one key`,
        async () => {
          await expectNoFault('B', SIZES.ops)
        },
        5 * MINUTES,
      )

      test(
        `revives none of ${TRIALS} sessions whose visitor logs out while a request is under way`,
        async () => {
          await expectNoFault('revive', TRIALS)
        },
        MINUTES,
      )

      if (!subject.durable) return
      const victim = subject.servers.length > 0 ? 'its server' : 'a process that uses it'
      test(
        `keeps all it acknowledged when ${victim} is killed, and logs nobody out meanwhile`,
        async () => {
          await expectNoFault('kill', SIZES.ops)
        },
        2 * MINUTES,
      )
    })
  }
}
