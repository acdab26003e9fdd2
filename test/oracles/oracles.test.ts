import { describe, expect, test } from 'vitest'
import { missingServer } from '../support/servers/index.js'
import type { Breakage } from './broken.js'
import { type OracleName, type OracleOptions, startTrial } from './oracles.js'
import { subjects } from './subjects.js'

const SIZES: OracleOptions = { ops: 200, clients: 8, kills: 1, seed: 1 }
const MINUTES = 60_000

/** The figure of an oracle, and what else it found. */
async function ask(
  name: string,
  oracle: OracleName,
  { breakage, ...sizes }: Partial<OracleOptions> & { readonly breakage?: Breakage | 'volatile' } = {},
): Promise<{ readonly figure: number; readonly of: number; readonly text: string; readonly faults: number }> {
  const subject = subjects.find((each) => each.name === name)
  if (subject === undefined) throw new Error(`No store is called ${name}.`)
  await using trial = await startTrial(subject, breakage)
  const { lines, faults } = await trial.ask(oracle, { ...SIZES, ...sizes })
  const [, figure, of] = /^(?:lost|revived) (\d+) of (\d+)/.exec(lines[0] ?? '') ?? []
  return { figure: Number(figure), of: Number(of), text: lines.join('\n'), faults }
}

describe('an oracle finds what it is there for', { timeout: 2 * MINUTES }, () => {
  test('A: engines whose later save wins lose most of what is counted', async () => {
    const { figure, of, faults } = await ask('sqlite', 'A', { breakage: 'lost' })
    expect(of).toBeGreaterThanOrEqual(200)
    expect(figure).toBeGreaterThan(of / 2)
    expect(faults).toBeGreaterThanOrEqual(figure)
  })

  test('B: so they do under one key', async () => {
    // How many depends on how the processes happen to meet; a sound engine loses none.
    const { figure } = await ask('sqlite', 'B', { breakage: 'lost', ops: 600 })
    expect(figure).toBeGreaterThan(0)
  })

  test('revive: a save that makes what is not there brings sessions back', async () => {
    const { figure, faults } = await ask('sqlite', 'revive', { breakage: 'revive', ops: 100 })
    expect(figure).toBeGreaterThan(0)
    expect(faults).toBeGreaterThanOrEqual(figure)
  })

  test('A and revive: express-session loses most, and brings sessions back', async () => {
    const lost = await ask('express-session', 'A')
    expect(lost.figure).toBeGreaterThan(lost.of / 2)
    const revived = await ask('express-session', 'revive', { ops: 100 })
    expect(revived.figure).toBeGreaterThan(0)
  })
})

const missing = await missingServer('redis')
const why = missing === undefined ? '' : ` (${missing})`
describe.skipIf(missing !== undefined)(`a killed Redis${why}`, { timeout: 2 * MINUTES }, () => {
  test('that keeps nothing on its disk loses what it acknowledged, and the oracle finds that', async () => {
    const { figure, of } = await ask('redis', 'kill', { breakage: 'volatile' })
    expect(figure).toBe(of)
    expect(of).toBeGreaterThan(0)
  })

  test('that is taken for an empty session logs visitors out, and the oracle finds that', async () => {
    const { text, faults } = await ask('redis', 'kill', { breakage: 'silent' })
    expect(text).toMatch(/silentAnonymous [1-9]/)
    expect(text).toMatch(/cookiesWiped [1-9]/)
    expect(faults).toBeGreaterThan(0)
  })
})

test('signed cookies have no server that could compare, and say so', async () => {
  await expect(ask('signed_cookies', 'A')).rejects.toThrow(/no server can compare/)
})
