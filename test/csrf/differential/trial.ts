import type { DjangoHome } from '../../django/home.js'
import type { Case, Variant } from './case.js'
import { chanceFrom } from './chance.js'
import type { Difference, Effect } from './deviations.js'
import { type DjangoSide, startDjangoSide } from './django.js'
import { caseFrom } from './generate.js'
import { type OurSite, openSite } from './ours.js'
import { type Outcome, outcomeOf } from './outcome.js'
import { shrunk } from './shrink.js'
import { variantFrom } from './variants.js'

/** How many requests each site gets. */
const BATCH = 100
/** How many of them are under way at once. */
const AT_ONCE = 16
/** After so many a bug is plain. */
const FOUND_ENOUGH = 5

export interface TrialOptions {
  readonly requests: number
  readonly seed: number
}

/** A difference that is in no list, made as small as it stays one. */
export interface Finding extends Difference {
  readonly outcome: Outcome
}

export interface TrialReport {
  readonly asked: number
  readonly same: number
  /** By effect, how often each deviation had it. */
  readonly differed: Readonly<Record<Effect, ReadonlyMap<string, number>>>
  /** How often each of Django's answers came: its reasons without what they quote. */
  readonly answers: ReadonlyMap<string, number>
  readonly findings: readonly Finding[]
}

/** Sends generated requests to Django and to us, and compares. */
export async function differentialTrial(home: DjangoHome, { requests, seed }: TrialOptions): Promise<TrialReport> {
  await using django = startDjangoSide(home)
  const chance = chanceFrom(seed)
  const differed = {
    'refused more': new Map<string, number>(),
    'refused in other words': new Map<string, number>(),
    'another secret kept': new Map<string, number>(),
  }
  const answers = new Map<string, number>()
  const findings: Finding[] = []
  let asked = 0
  let same = 0
  while (asked < requests && findings.length < FOUND_ENOUGH) {
    const variant = variantFrom(chance)
    await using site = await openSite(variant)
    const cases = Array.from({ length: Math.min(BATCH, requests - asked) }, () => caseFrom(chance, variant))
    asked += cases.length
    for (const difference of await askBoth(django, site, variant, cases)) {
      const outcome = outcomeOf(difference)
      count(answers, difference.django.reason?.replace(/ - .* does/s, ' - * does') ?? String(difference.django.status))
      if (outcome === 'same') same++
      else if (typeof outcome === 'object') count(differed[outcome.effect], outcome.listed)
      else if (findings.length < FOUND_ENOUGH) findings.push(await smallest(django, site, difference, outcome))
    }
  }
  return { asked, same, differed, answers, findings }
}

/** What both sides do with each of these requests. */
export async function askBoth(
  django: DjangoSide,
  site: OurSite,
  variant: Variant,
  cases: readonly Case[],
): Promise<readonly Difference[]> {
  const [theirs, ours] = await Promise.all([django.ask(variant, cases), inTurns(cases, (asked) => site.ask(asked))])
  return cases.map((asked, index) => ({ asked, variant, django: theirs[index]!, ours: ours[index]! }))
}

async function smallest(django: DjangoSide, site: OurSite, found: Difference, outcome: Outcome): Promise<Finding> {
  const small = await shrunk(found, async (asked) => {
    const [again] = await askBoth(django, site, found.variant, [asked])
    return again !== undefined && outcomeOf(again) === outcome ? again : undefined
  })
  return { ...small, outcome }
}

async function inTurns<In, Out>(all: readonly In[], work: (each: In) => Promise<Out>): Promise<Out[]> {
  const done: Out[] = []
  let next = 0
  const worker = async (): Promise<void> => {
    for (let index = next++; index < all.length; index = next++) done[index] = await work(all[index] as In)
  }
  await Promise.all(Array.from({ length: AT_ONCE }, worker))
  return done
}

function count(counts: Map<string, number>, name: string): void {
  counts.set(name, (counts.get(name) ?? 0) + 1)
}
