import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { stateOf } from '../../src/core/dictionary.js'
import type { Session } from '../../src/core/session-types.js'
import type { SessionEngine } from '../../src/core/types.js'
import { memoryEngine } from '../../src/engines/memory.js'
import { SessionInterrupted } from '../../src/errors.js'
import { watched } from '../../src/testing/watched-engine.js'
import { bareSite, sqliteEngine } from '../support/sites.js'

type Data = Map<string, unknown>

/** What a handle may do: itself, and with the model. */
type Step =
  | { readonly do: 'set' | 'setDefault'; readonly key: string; readonly value: unknown }
  | { readonly do: 'delete' | 'pop' | 'push'; readonly key: string }
  | { readonly do: 'update'; readonly values: Record<string, unknown> }
  | { readonly do: 'expiry'; readonly seconds: number | null }
  | { readonly do: 'clear' | 'flush' | 'cycle' | 'save' | 'reopen' }

/** A session as one sees it from afar: what was loaded, what is there now, and a store of one record that all handles share. */
class Model {
  base: Data = new Map()
  now: Data = new Map()
  id: number | null = null
  readonly store: Map<number, Data>

  constructor(store: Map<number, Data>) {
    this.store = store
  }

  open(id: number | null): void {
    const record = id === null ? undefined : this.store.get(id)
    this.id = record === undefined ? null : id
    this.base = structuredClone(record ?? new Map())
    this.now = structuredClone(this.base)
  }

  /** False where the session was ended by somebody else. */
  save(): boolean {
    if (this.id === null) this.id = Model.#ids++
    else if (!this.store.has(this.id)) return false
    const merged = this.merged()
    this.store.set(this.id, merged)
    this.#took(merged)
    return true
  }

  cycle(): boolean {
    const old = this.id
    if (old !== null && !this.store.has(old)) {
      this.#took(new Map())
      this.id = null
      return false
    }
    const merged = this.merged()
    if (old !== null) this.store.delete(old)
    this.id = Model.#ids++
    this.store.set(this.id, merged)
    this.#took(merged)
    return true
  }

  /** By key: what changed here over what is there. */
  merged(): Data {
    const theirs = new Map((this.id === null ? undefined : this.store.get(this.id)) ?? [])
    const text = (data: Data, key: string): string | undefined => JSON.stringify(data.get(key))
    for (const key of this.base.keys()) if (!this.now.has(key)) theirs.delete(key)
    for (const key of this.now.keys())
      if (text(this.now, key) !== text(this.base, key)) theirs.set(key, this.now.get(key))
    return structuredClone(theirs)
  }

  #took(data: Data): void {
    this.base = structuredClone(data)
    this.now = structuredClone(data)
  }

  static #ids = 1
}

const key = fc.constantFrom('a', 'b', 'c', '__proto__')
const value = fc.oneof(fc.integer(), fc.string(), fc.constant(null), fc.array(fc.integer(), { maxLength: 3 }))
const steps = fc.array(
  fc.record({
    handle: fc.nat(1),
    step: fc.oneof<fc.Arbitrary<Step>[]>(
      fc.record({ do: fc.constantFrom('set', 'setDefault'), key, value }) as fc.Arbitrary<Step>,
      fc.record({ do: fc.constantFrom('delete', 'pop', 'push'), key }) as fc.Arbitrary<Step>,
      fc.record({
        do: fc.constant('update'),
        values: fc.dictionary(fc.constantFrom('a', 'b', 'd'), value),
      }) as fc.Arbitrary<Step>,
      fc.record({ do: fc.constant('expiry'), seconds: fc.constantFrom(null, 0, 60, 3600) }) as fc.Arbitrary<Step>,
      fc.record({ do: fc.constantFrom('clear', 'flush', 'cycle', 'save', 'save', 'reopen') }) as fc.Arbitrary<Step>,
    ),
  }),
  { maxLength: 25 },
)

const ENGINES: Record<string, () => SessionEngine> = {
  memory: () => memoryEngine(),
  db: () => sqliteEngine({}).engine,
  'memory across a network': () => watched(memoryEngine(), { delay: 0 }),
  'db across a network': () => watched(sqliteEngine({}).engine, { delay: 0 }),
}

describe.each(Object.entries(ENGINES))('%s', (_name, make) => {
  test('two handles of one session do what the model does, whatever they do', async () => {
    await fc.assert(
      fc.asyncProperty(steps, async (given) => {
        const site = bareSite({ engine: make() })
        const store = new Map<number, Data>()
        const first = site.sessions.open()
        await first.save()
        const models = [new Model(store), new Model(store)] as const
        models[0].save()
        models[1].open(models[0].id)
        const handles = [first, site.sessions.open(first.sessionKey)]
        await handles[1]?.load()
        for (const { handle, step } of given) {
          const model = models[handle as 0 | 1]
          const session = handles[handle] as Session
          if (step.do === 'reopen') {
            const other = models[handle === 0 ? 1 : 0]
            const next = site.sessions.open((handles[handle === 0 ? 1 : 0] as Session).sessionKey)
            await next.load()
            handles[handle] = next
            model.open(other.id)
          } else {
            expect(await actual(session, step)).toEqual(expected(model, step))
          }
          const shown = handles[handle] as Session
          expect(new Map(shown)).toEqual(model.now)
          expect(shown.sessionKey === null).toBe(model.id === null)
        }
        for (const [at, model] of models.entries()) {
          const record = model.id === null ? undefined : store.get(model.id)
          const left = site.sessions.open((handles[at] as Session).sessionKey)
          await left.load()
          expect(new Map(left)).toEqual(record ?? new Map())
        }
      }),
      { numRuns: 300 },
    )
  })
})

/** Does a step, and says what came of it. */
async function actual(session: Session, step: Step): Promise<unknown> {
  try {
    switch (step.do) {
      case 'set':
        return session.set(step.key, structuredClone(step.value))
      case 'setDefault':
        return structuredClone(session.setDefault(step.key, structuredClone(step.value)))
      case 'delete':
        return session.delete(step.key)
      case 'pop':
        return session.pop(step.key, 'nothing')
      case 'push': {
        const held = session.get(step.key)
        return Array.isArray(held) ? held.push(0) : held
      }
      case 'update':
        return session.update(structuredClone(step.values))
      case 'expiry':
        return session.setExpiry(step.seconds)
      case 'clear':
        return session.clear()
      case 'flush':
        return await session.flush()
      case 'cycle':
        stateOf(session).noticeNested()
        return await session.cycleKey()
      default:
        return await session.save()
    }
  } catch (error) {
    if (error instanceof SessionInterrupted) return 'interrupted'
    throw error
  }
}

/** The same, with the model. */
function expected(model: Model, step: Step): unknown {
  const { now } = model
  switch (step.do) {
    case 'set':
      return void now.set(step.key, structuredClone(step.value))
    case 'setDefault':
      if (!now.has(step.key)) now.set(step.key, structuredClone(step.value))
      return structuredClone(now.get(step.key))
    case 'delete':
      return now.delete(step.key)
    case 'pop': {
      const held = now.has(step.key) ? now.get(step.key) : 'nothing'
      now.delete(step.key)
      return held
    }
    case 'push': {
      const held = now.get(step.key)
      return Array.isArray(held) ? held.push(0) : held
    }
    case 'update':
      for (const [name, each] of Object.entries(step.values)) now.set(name, structuredClone(each))
      return undefined
    case 'expiry':
      if (step.seconds === null) now.delete('_session_expiry')
      else now.set('_session_expiry', step.seconds)
      return undefined
    case 'clear':
      return now.clear()
    case 'flush':
      if (model.id !== null) model.store.delete(model.id)
      return model.open(null)
    case 'cycle':
      return model.cycle() ? undefined : 'interrupted'
    case 'save':
      return model.save() ? undefined : 'interrupted'
    default:
      return undefined
  }
}
