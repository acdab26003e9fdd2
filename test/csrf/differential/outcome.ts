import type { Case } from './case.js'
import { type Difference, deviations, type Effect, isSameVerdict } from './deviations.js'
import { keptSecret } from './kept-secret.js'

/**
 * How the two answers to one request compare. A difference that has no name is `unlisted`; `accepted like Django` is what we
 * ought to refuse.
 */
export type Outcome =
  | 'same'
  | 'accepted more'
  | 'accepted like Django'
  | 'unlisted'
  | { readonly listed: string; readonly effect: Effect }

export function outcomeOf(difference: Difference): Outcome {
  const { asked, variant, django, ours } = difference
  if (ours.status === 200) {
    if (django.status !== 200) return 'accepted more'
    if (!isSafe(asked) && deviations.some(({ forbids }) => forbids?.(asked, variant))) return 'accepted like Django'
  }
  const isSame = isSameVerdict(django, ours)
  // On an error page no form waits for its token, so it does not matter whether a malformed cookie is replaced with it.
  const isError = ours.status !== 200 && ours.status !== 403
  if (isSame && (isError || keptSecret(ours, asked, variant) === keptSecret(django, asked, variant))) return 'same'
  const effect: Effect = isSame
    ? 'another secret kept'
    : django.status === 200
      ? 'refused more'
      : 'refused in other words'
  const deviation = deviations.find((each) => each.effects.includes(effect) && each.applies(difference))
  return deviation === undefined ? 'unlisted' : { listed: deviation.name, effect }
}

function isSafe({ method }: Case): boolean {
  return /^(get|head|options|trace)$/i.test(method)
}
