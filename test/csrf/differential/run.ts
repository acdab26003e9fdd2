/**
 * Sends generated requests to Django's CsrfViewMiddleware and to ours, and says where the two differ.
 *
 *     node --import tsx test/csrf/differential/run.ts [--requests 10000] [--seed 1]
 *     node --import tsx test/csrf/differential/run.ts --replay 'LINE'      one request, as a finding prints it
 *
 * Ends with 1 where a difference is in no list, or we accept more; with 2 where it is not understood what to ask.
 */
import { type DjangoHome, findDjango } from '../../django/home.js'
import { parsed, understood, wholeNumber } from '../../support/asked.js'
import type { Case, Variant } from './case.js'
import { startDjangoSide } from './django.js'
import { openSite } from './ours.js'
import { outcomeOf } from './outcome.js'
import { figures, shown } from './shown.js'
import { askBoth, differentialTrial, type TrialOptions } from './trial.js'

const OPTIONS = {
  requests: { type: 'string', default: '10000' },
  seed: { type: 'string', default: '1' },
  replay: { type: 'string' },
} as const
const USAGE = ["usage: run.ts [--requests N] [--seed N] | --replay 'LINE'"]

process.exitCode = await main(process.argv.slice(2))

async function main(args: string[]): Promise<number> {
  const asked = understood(() => {
    const { requests, seed, replay } = parsed(args, OPTIONS).values
    return { requests: wholeNumber('requests', requests, 1), seed: wholeNumber('seed', seed, 0), replay }
  }, USAGE)
  if (asked === null) return 2
  const home = await findDjango()
  if ('missing' in home) {
    console.error(home.missing)
    return 2
  }
  return asked.replay === undefined ? trial(home, asked) : replay(home, asked.replay)
}

async function trial(home: DjangoHome, options: TrialOptions): Promise<number> {
  const report = await differentialTrial(home, options)
  for (const [answer, times] of [...report.answers].sort(([, a], [, b]) => b - a)) console.error(`${times} ${answer}`)
  for (const finding of report.findings) console.log(shown(finding))
  console.log(`Django ${home.version}, seed ${options.seed}: ${figures(report)}`)
  return report.findings.length === 0 ? 0 : 1
}

async function replay(home: DjangoHome, line: string): Promise<number> {
  const { variant, asked } = JSON.parse(line) as { variant: Variant; asked: Case }
  await using django = startDjangoSide(home)
  await using site = await openSite(variant)
  for (const difference of await askBoth(django, site, variant, [asked])) {
    const outcome = outcomeOf(difference)
    console.log(shown({ ...difference, outcome }))
    if (typeof outcome === 'string' && outcome !== 'same') return 1
  }
  return 0
}
