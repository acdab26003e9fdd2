import { expect, test } from 'vitest'
import type { EnginePair } from './engine-kinds.js'
import { sessionStore } from './pair.js'

/** That a Django with `cached_db` does not go on with its copy once sojourn has saved, or ended, the session. */
export function copyClaims(pair: () => EnginePair): void {
  test("Django's copy in the cache is gone after a save of sojourn, and after the end of the session", async () => {
    const visitor = pair().visitor()
    await visitor.ops(['update', { a: 1, price: 1.0 }])
    const { key } = visitor
    expect(await pair().cached(key)).toContain('price')
    await visitor.node(({ session }) => session.set('a', 2))
    expect(await pair().cached(key)).toBeUndefined()
    expect(await visitor.ops(['get', 'a'])).toEqual([2])
    expect(await pair().cached(key)).toContain('price')
    await visitor.node(({ session }) => session.flush())
    expect(await pair().cached(key)).toBeUndefined()
    expect(await pair().visitor(key).ops(['get', 'a'])).toEqual([null])
  })

  test.each([
    ['save', 2],
    ['end', null],
  ] as const)('a copy that Django puts there late, just after the %s, is soon gone too', async (what, expected) => {
    const visitor = pair().visitor()
    await visitor.node(({ session }) => session.set('a', 1))
    const { key } = visitor
    const gate = pair().django.gate(`copy ${key}`)
    await pair().django.python(slowCopy, key)
    const reading = pair().visitor(key).ops(['get', 'a'])
    await gate.arrived()
    if (what === 'save') await visitor.node(({ session }) => session.set('a', 2))
    else await visitor.node(({ session }) => session.flush())
    await gate.open()
    expect(await reading).toEqual([1])
    const read = async (): Promise<unknown> => (await pair().visitor(key).ops(['get', 'a']))[0]
    await expect.poll(read, { timeout: 10_000 }).toBe(expected)
  })

  test('a copy that is older than the table is not what sojourn reads', async () => {
    const visitor = pair().visitor()
    await visitor.ops(['set', 'a', 1])
    await pair().django.python(staleCopy, visitor.key)
    expect(await pair().visitor(visitor.key).ops(['get', 'a'])).toEqual(['stale'])
    expect(await visitor.node(({ session }) => session.a)).toBe(1)
  })
}

/** A request stops where it has read the row, and will put a copy of it into the cache. */
const slowCopy = `${sessionStore}
from djangosite.gates import gates
read = SessionStore._get_session_from_db
def read_slowly(self):
    row = read(self)
    if self.session_key == args:
        gates['copy ' + args].pass_through()
    return row
SessionStore._get_session_from_db = read_slowly
`

const staleCopy = `${sessionStore}
from django.core.cache import cache
cache.set(SessionStore(args).cache_key, {'a': 'stale'}, 60)
`

/** What a pickle may hold and JSON not: read where it is plain, else left alone. */
export function pickleClaims(pair: () => EnginePair, recent: boolean): void {
  test('the session lies under the name that Django gives it, as a pickle that either makes alike', async () => {
    const visitor = pair().visitor()
    await visitor.node(({ session }) => session.set('a', [1, 'b']))
    const ours = await pair().cached(visitor.key)
    expect(ours).toMatch(/^\x80/)
    await visitor.ops(['modified'])
    expect(await pair().cached(visitor.key)).toMatch(/^\x80\x05/)
    expect(await visitor.node(({ session }) => session.a)).toEqual([1, 'b'])
  })

  test('a tuple comes as an array, and is a tuple still after a visit that leaves it alone', async () => {
    const visitor = pair().visitor()
    await visitor.ops(['set_object', 'pair', 'tuple'])
    const read = await visitor.node(({ session }) => {
      session.a = 1
      return session.pair
    })
    expect(read).toEqual([1, 2, ['a']])
    expect(await visitor.ops(['get', 'pair'])).toEqual([[1, 2.0, ['a']]])
  })

  const refused = ['datetime', 'decimal', 'set', 'bytes'].map((name) => ['set_object', 'value', name] as const)
  const moment = ['set_expiry', '2031-05-06T07:08:09+00:00'] as const
  test.each([...refused, ...(recent ? [] : [moment])])(
    '%s %s %s: refused with an error that says so, and left as it is',
    async (...operation) => {
      const visitor = pair().visitor()
      await visitor.ops(['set', 'a', 1], operation)
      const { key } = visitor
      const before = await pair().cached(key)
      const writing = visitor.node(({ session }) => session.set('b', 2))
      await expect(writing).rejects.toMatchObject({ code: 'pickle_refused' })
      // Whoever does not catch it answers with an error, and not as to a visitor without a session.
      expect((await visitor.get(visitor.at('node', 'form'))).status).toBe(500)
      expect(visitor.key).toBe(key)
      expect(await pair().cached(key)).toBe(before)
      expect(await visitor.ops(['get', 'a'])).toEqual([1])
    },
  )
}
