import { type ParseArgsConfig, parseArgs } from 'node:util'
import { nearestName } from '../../src/core/setting-names.js'

/** A command line that cannot be followed; says what of it. */
export class Misunderstood extends Error {}

/** The options of a command line and what else is on it. */
export function parsed<const Options extends NonNullable<ParseArgsConfig['options']>>(
  args: string[],
  options: Options,
) {
  try {
    return parseArgs({ args, allowPositionals: true, options })
  } catch (error) {
    throw new Misunderstood((error as Error).message)
  }
}

/** What was asked for; where that is not understood, says why and how to ask, and gives `null`. */
export function understood<Asked>(understand: () => Asked, usage: readonly string[]): Asked | null {
  try {
    return understand()
  } catch (error) {
    if (!(error instanceof Misunderstood)) throw error
    for (const line of [error.message, ...usage]) console.error(line)
    return null
  }
}

/** The names that were asked for, in the order of those there are; `all` is each of them. */
export function namesOf<Name extends string>(
  what: string,
  asked: readonly string[],
  known: readonly Name[],
): readonly Name[] {
  const given = asked.filter((name) => name !== '')
  if (given.length === 0) throw new Misunderstood(`Name ${/^[aeiou]/.test(what) ? 'an' : 'a'} ${what}.`)
  for (const name of given) {
    if (name !== 'all' && !known.some((each) => each === name)) {
      throw new Misunderstood(`There is no ${what} '${name}'; ${nearestName(name, known)}`)
    }
  }
  return given.includes('all') ? known : known.filter((name) => given.includes(name))
}

/** A whole number that an option gives. */
export function wholeNumber(option: string, text: string, least: number): number {
  if (!/^\d{1,9}$/.test(text) || Number(text) < least) {
    throw new Misunderstood(`--${option} is a whole number from ${least}, not '${text}'.`)
  }
  return Number(text)
}
