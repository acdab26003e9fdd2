import { memoryEngine } from 'sojourn/engines/memory'
import { watched } from 'sojourn/testing'
import { expect, test } from 'vitest'

const KEY = 'a0123456789012345678901234567890'
const record = { cells: new Map([['a', '1']]), expires: Number.MAX_SAFE_INTEGER }

test('it counts what it is asked, by name and in order, and answers as its engine does', () => {
  const engine = watched(memoryEngine())
  expect(engine.synchronous).toBe(true)
  expect(engine.load(KEY)).toBeNull()
  expect(engine.create(KEY, record)).toHaveProperty('version')
  expect(engine.load(KEY)).toMatchObject({ cells: record.cells })
  expect(engine.touch?.(KEY, record.expires)).toBe('saved')
  expect(engine.exists(KEY)).toBe(true)
  expect(engine.delete(KEY)).toBe('deleted')
  expect(engine.save(KEY, record)).toBe('missing')
  expect(engine.clearExpired?.()).toBe(0)
  expect(engine.asked).toEqual(['load', 'create', 'load', 'touch', 'exists', 'delete', 'save', 'clearExpired'])
  expect([engine.count(), engine.count('load'), engine.count('save')]).toEqual([8, 2, 1])
  engine.recount()
  expect(engine.count()).toBe(0)
})

test('what an engine cannot do, it cannot do watched either', () => {
  const { touch: _, clearExpired: __, ...rest } = bare()
  const engine = watched(rest)
  expect(engine.touch).toBeUndefined()
  expect(engine.clearExpired).toBeUndefined()
  expect(engine.stateless).toBe(true)
})

test('a delay makes it asynchronous, and an operation waits for the promise it is given', async () => {
  let open = (): void => undefined
  const gate = new Promise<void>((resolve) => {
    open = resolve
  })
  const engine = watched(memoryEngine(), { delay: (operation) => (operation === 'load' ? gate : 0) })
  expect(engine.synchronous).toBe(false)
  expect(await engine.exists(KEY)).toBe(false)
  let answered = false
  const loading = Promise.resolve(engine.load(KEY)).then((found) => {
    answered = true
    return found
  })
  await engine.exists(KEY)
  expect(answered).toBe(false)
  open()
  expect(await loading).toBeNull()
})

test('an operation that is told to fail does not reach the engine', async () => {
  const inner = memoryEngine()
  const engine = watched(inner, { fail: ['create'] })
  expect(() => engine.create(KEY, record)).toThrow(/create/)
  expect(inner.exists(KEY)).toBe(false)
  engine.fail = []
  engine.create(KEY, record)
  expect(inner.exists(KEY)).toBe(true)
  await expect(watched(inner, { fail: ['load'], delay: 0 }).load(KEY)).rejects.toThrow(/load/)
})

test('an operation that hangs never answers, and the others do', async () => {
  const engine = watched(memoryEngine(), { hang: ['load'], delay: 0 })
  const first = await Promise.race([
    Promise.resolve(engine.load(KEY)).then(() => 'load'),
    Promise.resolve(engine.exists(KEY)).then(() => 'exists'),
  ])
  expect(first).toBe('exists')
})

function bare(): Parameters<typeof watched>[0] {
  return {
    name: 'bare',
    synchronous: true,
    stateless: true,
    touch: undefined,
    clearExpired: undefined,
    load: () => null,
    create: () => 'conflict',
    save: () => 'missing',
    delete: () => 'missing',
    exists: () => false,
  }
}
