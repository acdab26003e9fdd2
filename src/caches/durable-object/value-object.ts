import { randomString } from '../../wire/crypto.js'

/** As much of a Durable Object's storage as is used. What `kv` does is done at once, so that nothing else happens in between. */
export interface DurableStorage {
  readonly kv: {
    get(key: string): unknown
    put(key: string, value: unknown): void
  }
  getAlarm(): Promise<number | null>
  setAlarm(moment: number): Promise<void>
  deleteAlarm(): Promise<void>
  deleteAll(): Promise<void>
}

/** Far ahead an alarm says no more than to look again: an end may be in the year 9999, and no alarm can. Milliseconds. */
const LONGEST_ALARM = 30 * 86_400_000

/** Headers that HTTP has no name for: the time by which is asked, and when a value ends; in milliseconds since 1970. */
export const NOW = 'x-sojourn-now'
export const ENDS = 'x-sojourn-ends'

/** What is kept, its end beside it, so that moving that writes a few bytes. */
interface Kept {
  readonly value: ArrayBuffer
  readonly version: string
}

/**
 * The object behind each session: one value with a version and an end. It speaks HTTP's conditional requests (RFC 9110 section 13): `If-None-Match: *`
 * creates, `If-Match` replaces and deletes at a version. Between a look and what follows from it there is no `await`, and an object is
 * one thread: of two that save at one version one wins. An alarm deletes it when it is over.
 */
export class ValueObject {
  /** By this Cloudflare's types know a class of objects; it is never there. */
  declare readonly __DURABLE_OBJECT_BRAND: never
  readonly #storage: DurableStorage

  constructor({ storage }: { readonly storage: DurableStorage }) {
    this.#storage = storage
  }

  async fetch(request: Request): Promise<Response> {
    const { method, headers } = request
    const body = method === 'PUT' ? await request.arrayBuffer() : null
    const kept = this.#kept(Number(headers.get(NOW)))
    const expected = headers.get('if-match')
    if (headers.get('if-none-match') === '*') return kept === null ? this.#put(body, headers) : answer(412)
    if (kept === null) return answer(404)
    if (expected !== null && expected !== kept.version) return answer(412)
    if (method === 'GET') return answer(200, kept.version, this.#ends, kept.value)
    if (method === 'PUT') return this.#put(body, headers)
    if (method === 'PATCH') return this.#touch(headers)
    return this.#delete()
  }

  /** By this object's own clock. What was touched since lives on. */
  async alarm(): Promise<void> {
    if (this.#ends > Date.now()) await this.#wake()
    else await this.#storage.deleteAll()
  }

  get #ends(): number {
    return Number(this.#storage.kv.get('ends') ?? 0)
  }

  #kept(now: number): Kept | null {
    return this.#ends > now ? (this.#storage.kv.get('kept') as Kept) : null
  }

  async #put(value: unknown, headers: Headers): Promise<Response> {
    const version = randomString(20, 'abcdefghijklmnopqrstuvwxyz0123456789')
    this.#storage.kv.put('kept', { value, version })
    this.#storage.kv.put('ends', Number(headers.get(ENDS)))
    // One that is too early looks again, and moving it with each save would be a write more.
    if ((await this.#storage.getAlarm()) === null) await this.#wake()
    return answer(200, version)
  }

  #touch(headers: Headers): Response {
    this.#storage.kv.put('ends', Number(headers.get(ENDS)))
    return answer(200)
  }

  async #delete(): Promise<Response> {
    await Promise.all([this.#storage.deleteAlarm(), this.#storage.deleteAll()])
    return answer(200)
  }

  #wake(): Promise<void> {
    return this.#storage.setAlarm(Math.min(this.#ends, Date.now() + LONGEST_ALARM))
  }
}

function answer(status: number, version = '', ends = 0, body: ArrayBuffer | null = null): Response {
  return new Response(body, { status, headers: { etag: version, [ENDS]: String(ends) } })
}
