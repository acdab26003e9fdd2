// Compiled, never run: each line below an `@ts-expect-error` must not compile, and every other line must.

import type { SvelteKitHandle } from '../../src/adapters/sveltekit.js'
import type { Session } from '../../src/core/session-types.js'

declare const handle: SvelteKitHandle
declare const locals: App.Locals

type Equal<A, B> = (<T>() => T extends A ? 1 : 2) extends <T>() => T extends B ? 1 : 2 ? true : false
const same = <_ extends true>(): void => {}

same<Equal<typeof locals.session, Session>>()

/** As SvelteKit's own `Handle`. */
interface RequestEvent {
  request: Request
  locals: App.Locals
  url: URL
  getClientAddress: () => string
}
type Handle = (input: {
  event: RequestEvent
  resolve: (event: RequestEvent, options?: { preload?: () => boolean }) => Response | Promise<Response>
}) => Response | Promise<Response>
const asTheirs: Handle = handle
void asTheirs
// @ts-expect-error not an event
handle({ event: {}, resolve: () => new Response() })
