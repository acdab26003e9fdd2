import type { SchemaSettings } from '../core/schema-settings.js'
import { Scope } from '../core/scope.js'
import type { SchemaData, SessionSchema } from '../core/session-schema.js'
import type { Session, SessionData } from '../core/session-types.js'
import type { SettingsInput } from '../core/settings.js'
import type { Site } from '../core/site.js'
import type { MaybePromise } from '../core/types.js'
import { StoreUnavailable } from '../errors.js'
import { siteOf } from '../sojourn.js'
import { fetchMiddleware } from './fetch.js'
import { FetchRequestHead } from './on-fetch/request.js'
import { refuseReplacedOn } from './one-session.js'

export * from './api.js'

declare global {
  // biome-ignore lint/style/noNamespace: where SvelteKit's types are extended
  namespace App {
    interface Locals {
      /** The visitor's session; there once sojourn's `handle` has run. */
      session: Session
    }
  }
}

/** What SvelteKit knows, and only the application can ask. */
export interface SvelteKitOptions {
  /** `building` of `$app/environment`: pages are being prerendered, for nobody. Default false. */
  readonly building?: boolean
}

/** As much of SvelteKit's `RequestEvent` as is used here; its own types are not needed to compile this. */
export interface SvelteKitEvent {
  readonly request: Request
  readonly locals: { session: Session }
  getClientAddress(): string
}

/** What `hooks.server.ts` exports as `handle`, by itself or in `sequence`. */
export interface SvelteKitHandle<T extends object = SessionData> {
  <Event extends SvelteKitEvent>(input: Input<Event>): Promise<Response>
  readonly site: Site<T>
}

interface Input<Event> {
  event: Event
  resolve(event: Event): MaybePromise<Response>
}

/**
 * Sessions for SvelteKit: `event.locals.session` in `load`, form actions and endpoints. The session is stored before the first byte of the response;
 * what a page streams after that comes too late to change it. With `building` a page that is prerendered has no visitor: its session is empty, and to
 * change it throws `SessionReadOnly`.
 *
 * @example
 * ```ts
 * // src/hooks.server.ts
 * import { sojourn } from 'sojourn/sveltekit'
 *
 * export const handle = sojourn({ secretKey: 'a long random text', sessionEngine: 'memory' })
 * ```
 */
export function sojourn<const S extends SessionSchema>(
  settings: SchemaSettings<S>,
  options?: SvelteKitOptions,
): SvelteKitHandle<SchemaData<S>>
export function sojourn<T extends object = SessionData>(
  settings: SettingsInput | Site<T>,
  options?: SvelteKitOptions,
): SvelteKitHandle<T>
export function sojourn(settings: SettingsInput | Site, { building = false }: SvelteKitOptions = {}): SvelteKitHandle {
  const site = siteOf(settings)
  const { dataUploadMaxMemorySize: limit } = site.settings
  async function handle<Event extends SvelteKitEvent>({ event, resolve }: Input<Event>): Promise<Response> {
    if (building) return prerender(site, { event, resolve })
    const run = fetchMiddleware(site, (request) => new SvelteKitRequestHead(request, limit, event))
    return run(() => answer(site, { event, resolve }))(event.request)
  }
  return Object.assign(handle, { site })
}

async function answer<Event extends SvelteKitEvent>(site: Site, { event, resolve }: Input<Event>): Promise<Response> {
  const scope = Scope.of(site, event.request) as Scope
  event.locals.session = scope.session
  const response = await resolve(event)
  refuseReplacedOn(event.locals, scope, event.request)
  const { failure } = scope.state
  return failure instanceof StoreUnavailable && response.status === 500 ? unavailable(response, failure) : response
}

function prerender<Event extends SvelteKitEvent>(site: Site, { event, resolve }: Input<Event>): MaybePromise<Response> {
  const scope = Scope.open(site, event.request, new FetchRequestHead(event.request, null))
  scope.onlyRead()
  event.locals.session = scope.session
  return resolve(event)
}

/** The error page of a page that could not reach its session: SvelteKit gives every error but its own a 500. */
function unavailable(response: Response, failure: StoreUnavailable): Response {
  const headers = new Headers(response.headers)
  for (const [name, value] of Object.entries(failure.headers)) headers.set(name, value)
  return new Response(response.body, { status: failure.status, headers })
}

class SvelteKitRequestHead extends FetchRequestHead {
  readonly gathering = true
  readonly #event: SvelteKitEvent

  constructor(request: Request, formLimit: number | null, event: SvelteKitEvent) {
    super(request, formLimit)
    this.#event = event
  }

  /** Whatever SvelteKit's adapter knows; some know none, and throw. */
  override get address(): string | undefined {
    try {
      return this.#event.getClientAddress()
    } catch {
      return undefined
    }
  }
}
