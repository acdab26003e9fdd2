import type { Cache, Cached, Stored } from './cache.js'
import { ENDS, NOW } from './durable-object/value-object.js'

/** As much of a namespace of Durable Objects as is used; the types of `@cloudflare/workers-types` fit. */
export interface DurableObjects {
  idFromName(name: string): unknown
  get(id: never): { fetch(url: string, init?: RequestInit): Promise<Reply> }
}

/** As much of a `Response` as is used. */
interface Reply {
  readonly status: number
  readonly headers: { get(name: string): string | null }
  arrayBuffer(): Promise<ArrayBuffer>
}

/** Values in Durable Objects, one object for each key. */
export class DurableObjectCache implements Cache {
  readonly name = 'durable-object'
  readonly synchronous = false
  readonly consistency = 'compare-and-set'
  readonly #objects: DurableObjects
  readonly #clock: () => number

  constructor(objects: DurableObjects, clock: () => number) {
    this.#objects = objects
    this.#clock = clock
  }

  async get(key: string): Promise<Cached | null> {
    const reply = await this.#ask(key, 'GET')
    if (reply.status === 404) return null
    const value = new Uint8Array(await reply.arrayBuffer())
    return { value, version: reply.headers.get('etag'), expires: Number(reply.headers.get(ENDS)) }
  }

  async add(key: string, value: Uint8Array, expires: number): Promise<Stored | 'conflict'> {
    const reply = await this.#ask(key, 'PUT', { 'if-none-match': '*', [ENDS]: String(expires) }, value)
    return reply.status === 412 ? 'conflict' : { version: reply.headers.get('etag') }
  }

  async replace(
    key: string,
    value: Uint8Array,
    expires: number,
    expected?: unknown,
  ): Promise<Stored | 'missing' | 'conflict'> {
    const reply = await this.#ask(key, 'PUT', { ...at(expected), [ENDS]: String(expires) }, value)
    return outcomeOf(reply) ?? { version: reply.headers.get('etag') }
  }

  async touch(key: string, expires: number): Promise<'saved' | 'missing'> {
    const reply = await this.#ask(key, 'PATCH', { [ENDS]: String(expires) })
    return reply.status === 404 ? 'missing' : 'saved'
  }

  async delete(key: string, expected?: unknown): Promise<'deleted' | 'missing' | 'conflict'> {
    return outcomeOf(await this.#ask(key, 'DELETE', at(expected))) ?? 'deleted'
  }

  async has(key: string): Promise<boolean> {
    return (await this.get(key)) !== null
  }

  close(): void {}

  async #ask(key: string, method: string, headers: Record<string, string> = {}, value?: Uint8Array): Promise<Reply> {
    const object = this.#objects.get(this.#objects.idFromName(key) as never)
    const body = value as Uint8Array<ArrayBuffer> | undefined
    const init = {
      method,
      headers: { ...headers, [NOW]: String(this.#clock()) },
      ...(body === undefined ? {} : { body }),
    }
    const reply = await object.fetch('https://object/', init)
    if (![200, 404, 412].includes(reply.status)) throw new Error(`A session's object answered ${reply.status}.`)
    return reply
  }
}

function at(expected: unknown): Record<string, string> {
  return expected === undefined ? {} : { 'if-match': String(expected) }
}

function outcomeOf({ status }: Reply): 'missing' | 'conflict' | null {
  return status === 404 ? 'missing' : status === 412 ? 'conflict' : null
}
