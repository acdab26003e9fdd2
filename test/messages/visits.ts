import { Scope } from '../../src/core/scope.js'
import type { SettingsInput } from '../../src/core/settings.js'
import { resolveSettings } from '../../src/core/settings-input.js'
import { Site } from '../../src/core/site.js'
import type { SessionEngine } from '../../src/core/types.js'
import { memoryEngine } from '../../src/engines/memory.js'
import { getMessages } from '../../src/messages/index.js'
import { messagesPart } from '../../src/messages/part.js'
import { CookieJar } from '../../src/testing/cookie-jar.js'
import { watched } from '../../src/testing/watched-engine.js'
import { randomString } from '../../src/wire/crypto.js'
import { groupOf } from '../../src/wire/link-names.js'
import { type RecordedHead, requestHead, responseHead, SECRET } from '../support/sites.js'

export const clock = (): number => 1_700_000_000_000

/** A site with this part alone. */
export function messagesSite(input: SettingsInput = {}, engine?: SessionEngine): Site {
  const settings = resolveSettings({ secretKey: SECRET, clock, ...input })
  return new Site(settings, {
    engine: engine ?? memoryEngine({ clock }),
    parts: [messagesPart(settings)],
    random: randomString,
    groupOf,
    close: () => undefined,
  })
}

/** The memory engine behind promises, as a database over the network is. */
export function asynchronous(): SessionEngine {
  return watched(memoryEngine({ clock }), { delay: 0 })
}

export interface Answered<R> {
  readonly response: RecordedHead
  readonly request: object
  readonly scope: Scope
  readonly result: R
}

/** Somebody with cookies of their own, who sends requests through the middleware's whole way. */
export class Visitor {
  readonly cookies = new CookieJar(clock)
  readonly #site: Site

  constructor(site: Site) {
    this.#site = site
  }

  async visit<R>(
    handler: (request: object) => R,
    options: { readonly encrypted?: boolean; readonly headers?: Record<string, string> } = {},
  ): Promise<Answered<Awaited<R>>> {
    const cookie = this.cookies.header('/')
    const request = {}
    const head = requestHead(cookie === '' ? {} : { cookie }, { encrypted: options.encrypted })
    const scope = Scope.open(this.#site, request, head)
    await scope.begin()
    const result = await handler(request)
    const response = responseHead(200, options.headers)
    await scope.finish(response)
    for (const line of response.cookies) this.cookies.take(line, '/')
    return { response, request, scope, result }
  }

  /** What the next page shows. */
  async shown(): Promise<readonly string[]> {
    return (await this.visit((request) => [...getMessages(request)].map(String))).result
  }
}
