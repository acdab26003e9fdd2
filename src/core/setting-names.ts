const LONGEST = 64

/** "did you mean sessionCookieAge?" where a known name is near to one that is none; else `otherwise`, or the names that there are. */
export function nearestName(wrong: string, known: readonly string[], otherwise?: string): string {
  const near = nearName(wrong, known)
  if (near !== undefined) return `did you mean ${near}?`
  return otherwise ?? `there is ${known.join(', ')}.`
}

/** The nearest of the known names in the spelling that was tried, unless it is far: a name that has nothing in common misleads. */
export function nearName(wrong: string, known: readonly string[]): string | undefined {
  const shouting = /^[A-Z0-9_]+$/.test(wrong)
  const wanted = fold(wrong)
  let nearest: string | undefined
  let least = Number.POSITIVE_INFINITY
  for (const name of known) {
    if (/^[A-Z0-9_]+$/.test(name) !== shouting) continue
    const steps = distance(wanted, fold(name))
    if (steps < least) [nearest, least] = [name, steps]
  }
  // Two letters that changed places are two steps, in a short name as well.
  return least <= Math.max(wanted.length < 4 ? 1 : 2, wanted.length / 3) ? nearest : undefined
}

/** Without what the two spellings differ in, so that `session_cookie_age` is as near as can be. */
function fold(name: string): string {
  return name.slice(0, LONGEST).replaceAll('_', '').toLowerCase()
}

/** Levenshtein's: how many characters to insert, delete or replace. */
function distance(from: string, to: string): number {
  let row = Array.from({ length: to.length + 1 }, (_, index) => index)
  for (const [index, character] of [...from].entries()) {
    const next = [index + 1]
    for (let column = 1; column <= to.length; column++) {
      const replaced = row[column - 1]! + (character === to[column - 1] ? 0 : 1)
      next.push(Math.min(replaced, row[column]! + 1, next[column - 1]! + 1))
    }
    row = next
  }
  return row[to.length]!
}
