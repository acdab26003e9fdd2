const LONGEST = 64

/** "did you mean sessionCookieAge?" for a name that is none: the nearest known one, in the spelling that was tried. */
export function nearestName(wrong: string, known: readonly string[]): string {
  const shouting = /^[A-Z0-9_]+$/.test(wrong)
  const wanted = fold(wrong)
  let nearest = ''
  let least = Number.POSITIVE_INFINITY
  for (const name of known) {
    if (/^[A-Z0-9_]+$/.test(name) !== shouting) continue
    const steps = distance(wanted, fold(name))
    if (steps < least) [nearest, least] = [name, steps]
  }
  return least <= Math.max(2, wanted.length / 3) ? `did you mean ${nearest}?` : `the nearest name is ${nearest}.`
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
