import type { Case } from './case.js'
import type { Difference } from './deviations.js'

/** Takes away from a request whatever it can be without: `again` gives the difference, if it is still the same kind. */
export async function shrunk(
  found: Difference,
  again: (asked: Case) => Promise<Difference | undefined>,
): Promise<Difference> {
  for (const smaller of smallerCases(found.asked)) {
    const still = await again(smaller)
    if (still !== undefined) return shrunk(still, again)
  }
  return found
}

function* smallerCases(asked: Case): Iterable<Case> {
  if (asked.asksToken) yield { ...asked, asksToken: false }
  const untyped = asked.lines.filter(([name]) => name !== 'Content-Type')
  if (asked.body !== '') yield { ...asked, lines: untyped, body: '' }
  for (const [index, [name]] of asked.lines.entries()) {
    if (name !== 'Host') yield { ...asked, lines: asked.lines.toSpliced(index, 1) }
  }
  if (asked.method !== 'POST') yield { ...asked, method: 'POST' }
  if (asked.tls) yield { ...asked, tls: false }
}
