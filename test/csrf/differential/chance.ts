import { randomFrom } from '../../oracles/random.js'

const LETTERS = [...'abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789']

/** Choices that are the same for the same seed. */
export interface Chance {
  happens(probability: number): boolean
  of<T>(choices: readonly T[]): T
  /** Each choice as often as the weight before it says. */
  weighted<T>(choices: readonly (readonly [weight: number, choice: T])[]): T
  letters(length: number): string
}

export function chanceFrom(seed: number): Chance {
  const random = randomFrom(seed)
  const of = <T>(choices: readonly T[]): T => choices[Math.floor(random() * choices.length)] as T
  return {
    happens: (probability) => random() < probability,
    of,
    weighted(choices) {
      let left = random() * choices.reduce((sum, [weight]) => sum + weight, 0)
      for (const [weight, choice] of choices) if ((left -= weight) < 0) return choice
      return (choices.at(-1) as (typeof choices)[number])[1]
    },
    letters: (length) => Array.from({ length }, () => of(LETTERS)).join(''),
  }
}
