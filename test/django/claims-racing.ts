import { expect, test } from 'vitest'
import type { EnginePair } from './engine-kinds.js'

const WRITES = 50

/** That a save of sojourn takes nothing away that Django saved before. */
export function mergingClaims(pair: () => EnginePair): void {
  test('a save of sojourn that comes last keeps what Django saved since it loaded', async () => {
    const visitor = pair().visitor()
    await visitor.ops(['set', 'a', 1])
    await visitor.node(async ({ session }) => {
      expect(session.a).toBe(1)
      await visitor.ops(['set', 'django', 1.5], ['set', 'a', 2])
      session.node = true
    })
    expect(await pair().loaded(visitor.key)).toBe('{"a":2,"django":1.5,"node":true}')
    // And so at the next visit, by which Django sees it all.
    expect(await visitor.ops(['get', 'node'], ['get', 'django'])).toEqual([true, 1.5])
  })
}

/** And so however close together the two come. */
export function racingClaims(pair: () => EnginePair): void {
  test('of one writer in Django nothing is lost to four in sojourn', async () => {
    const first = pair().visitor()
    await first.ops(['set', 'django', 0])
    const { key } = first
    // One only: Django's own writers take from each other, and from sojourn what they did not know of.
    const django = async (): Promise<unknown[]> => {
      const visitor = pair().visitor(key)
      const seen: unknown[] = []
      for (let n = 1; n <= WRITES; n++) seen.push((await visitor.ops(['get', 'django'], ['set', 'django', n]))[0])
      return seen
    }
    const node = async (writer: number): Promise<void> => {
      const visitor = pair().visitor(key)
      for (let n = 1; n <= WRITES; n++) await visitor.node(({ session }) => session.set(`node${writer}`, n))
    }
    const [seen] = await Promise.all([django(), ...[1, 2, 3, 4].map(node)])
    expect(seen).toEqual(Array.from({ length: WRITES }, (_, n) => n))
    expect(await first.node(({ session }) => session.django)).toBe(WRITES)
    expect(await pair().visitor(key).ops(['get', 'django'])).toEqual([WRITES])
  })
}
