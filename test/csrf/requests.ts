import { Scope } from '../../src/core/scope.js'
import type { SettingsInput } from '../../src/core/settings.js'
import { resolveSettings } from '../../src/core/settings-input.js'
import { Site } from '../../src/core/site.js'
import type { PlainResponse, SessionEngine } from '../../src/core/types.js'
import { csrfPart } from '../../src/csrf/part.js'
import { CSRF_ALPHABET } from '../../src/csrf/token.js'
import { memoryEngine } from '../../src/engines/memory.js'
import { watched } from '../../src/testing/watched-engine.js'
import { randomString } from '../../src/wire/crypto.js'
import { groupOf } from '../../src/wire/link-names.js'
import { type RecordedHead, requestHead, responseHead, SECRET } from '../support/sites.js'

export const HOST = 'shop.example.com'
export const secret = 'J3wdHISpM5Jeyt1gzzqsRFtLDKVK5jaW'

export function randomSecret(): string {
  return randomString(32, CSRF_ALPHABET)
}

/** A site with this part alone. */
export function csrfSite(input: SettingsInput = {}, engine?: SessionEngine): Site {
  const settings = resolveSettings({ secretKey: SECRET, ...input })
  return new Site(settings, {
    engine: engine ?? memoryEngine({ clock: settings.clock }),
    parts: [csrfPart(settings)],
    random: randomString,
    groupOf,
    close: () => undefined,
  })
}

/** The memory engine behind promises, as a database over the network is. */
export function asynchronous(): SessionEngine {
  return watched(memoryEngine(), { delay: 0 })
}

/** What is undefined is not sent. */
export type Fields = Readonly<Record<string, string | undefined>>

export interface Sent {
  readonly method?: string
  readonly headers?: Fields
  readonly cookie?: string
  readonly form?: Fields
  readonly encrypted?: boolean
  /** The framework's request, where a test did something to it before. */
  readonly request?: object
}

export interface Answered {
  readonly refused: PlainResponse | undefined
  readonly reason: string | undefined
  readonly response: RecordedHead
  readonly scope: Scope
  readonly request: object
}

/** One request through the middleware's whole way, with a handler. */
export async function send(site: Site, sent: Sent, handler?: (request: object) => unknown): Promise<Answered> {
  const { method, encrypted, cookie, request = {} } = sent
  const headers = present({ host: HOST, cookie, ...sent.headers })
  const form = sent.form === undefined ? undefined : present(sent.form)
  let reason: string | undefined
  const off = site.on('csrf_failed', (event) => {
    if (event.request === request) reason = event.reason
  })
  const scope = Scope.open(site, request, requestHead(headers, { method, form, encrypted }))
  const refused = await scope.begin()
  if (refused === undefined) await handler?.(request)
  const response = responseHead(refused?.status)
  await scope.finish(response)
  off()
  return { refused, reason, response, scope, request }
}

/** A form posted with its cookie and token, and whatever else a test adds. */
export function post(rest: Sent = {}): Sent {
  return { method: 'POST', cookie: `csrftoken=${secret}`, form: { csrfmiddlewaretoken: secret }, ...rest }
}

export function present(fields: Fields): Record<string, string> {
  return Object.fromEntries(Object.entries(fields).filter((field): field is [string, string] => field[1] !== undefined))
}
