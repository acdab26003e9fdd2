/** That generated requests get the same verdict from Django's CsrfViewMiddleware and from ours, for the same reason. */
import { beforeAll, describe, expect, test } from 'vitest'
import { findDjango } from '../django/home.js'
import { deviations } from './differential/deviations.js'
import { figures, shown } from './differential/shown.js'
import { differentialTrial, type TrialReport } from './differential/trial.js'

const REQUESTS = 10_000
const SEED = Number(process.env['SOJOURN_CSRF_SEED'] ?? 1)

const home = await findDjango()

describe.skipIf('missing' in home)('10,000 requests to both', () => {
  let report: TrialReport

  beforeAll(async () => {
    if ('missing' in home) return
    report = await differentialTrial(home, { requests: REQUESTS, seed: SEED })
    console.log(`CSRF beside Django ${home.version}, seed ${SEED}: ${figures(report)}`)
  }, 300_000)

  test('are answered alike, but for the listed cases; we accept none that Django refuses', () => {
    expect(report.findings.map(shown).join('\n\n')).toBe('')
    expect(report.asked).toBe(REQUESTS)
  })

  test.each(deviations)('the listed case is one: $name', ({ name, effects }) => {
    for (const effect of effects) expect(report.differed[effect].get(name) ?? 0, effect).toBeGreaterThan(0)
  })

  test('are not all refused, nor for one reason', () => {
    expect(report.answers.get('200')).toBeGreaterThan(REQUESTS / 5)
    for (const reason of reasons) expect(report.answers.get(reason) ?? 0, reason).toBeGreaterThanOrEqual(20)
  })
})

/** Every reason that Django has. */
const reasons = [
  'Origin checking failed - * does not match any trusted origins.',
  'Referer checking failed - * does not match any trusted origins.',
  'Referer checking failed - no Referer.',
  'Referer checking failed - Referer is malformed.',
  'Referer checking failed - Referer is insecure while host is secure.',
  'CSRF cookie not set.',
  'CSRF token missing.',
  ...['incorrect length', 'invalid characters'].flatMap((what) => [
    `CSRF cookie has ${what}.`,
    `CSRF token from POST has ${what}.`,
    `CSRF token from the 'X-Csrftoken' HTTP header has ${what}.`,
  ]),
  'CSRF token from POST incorrect.',
  "CSRF token from the 'X-Csrftoken' HTTP header incorrect.",
]
