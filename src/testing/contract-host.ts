import type { IncomingMessage, ServerResponse } from 'node:http'
import type { Site } from '../core/site.js'
import type { MaybePromise, SessionEngine } from '../core/types.js'
import type { App } from './app.js'
import { type Control, orders, type Pace, type PageSet } from './control.js'
import { Stage } from './stage.js'

/** Where the driver of a contract asks for the inside of a server. Nothing of the adapter under test sees these requests. */
export const DOOR = '/contract-control'

/** What a driver sends: the name of an order and what it is about. `begin` makes a new site, and what the adapter makes of it. */
export type Order =
  | readonly ['begin', { readonly pace: Pace; readonly pages: PageSet }]
  | readonly ['end']
  | readonly [(typeof orders)[number], ...unknown[]]

export interface HostOptions {
  /** Makes the engine of each case (default: one in memory). */
  readonly engine?: () => SessionEngine
}

/**
 * The server's side of a contract whose cases run in another process (`remoteContract`): in whatever runtime there is. It holds one case at a
 * time, and what the adapter under test made of it.
 */
export class ContractHost<Handler> {
  readonly #build: (site: Site, app: App) => Handler
  readonly #options: HostOptions
  #stage: Stage | null = null
  #handler: Handler | null = null

  constructor(build: (site: Site, app: App) => Handler, options: HostOptions = {}) {
    this.#build = build
    this.#options = options
  }

  /** What the adapter made of the case that runs now. */
  get handler(): Handler {
    if (this.#handler === null) throw new Error('The driver of the contract has not begun a case yet.')
    return this.#handler
  }

  /** Obeys an order, given as JSON; the answer is JSON too. Rejects with what went wrong. */
  async obey(text: string): Promise<string> {
    const [name, ...given] = JSON.parse(text) as Order
    if (name === 'begin') return this.#begin(given[0] as { pace: Pace; pages: PageSet })
    if (this.#stage === null) throw new Error('no case has begun')
    if (name === 'end') return this.#end()
    if (!orders.includes(name)) throw new Error(`no such order: ${name}`)
    const order = this.#stage[name] as (this: Control, ...given: unknown[]) => Promise<unknown>
    return JSON.stringify((await order.apply(this.#stage, given)) ?? null)
  }

  async #begin(options: { readonly pace: Pace; readonly pages: PageSet }): Promise<string> {
    await this.#end()
    this.#stage = new Stage({ ...options, ...this.#options })
    this.#handler = this.#build(this.#stage.site, this.#stage.app)
    return 'null'
  }

  async #end(): Promise<string> {
    await this.#stage?.close()
    return 'null'
  }
}

/**
 * A server's side of the adapter contract, for a server in a process of its own. `build` makes of a site and the contract's pages what the
 * framework serves; it is called anew for every case, and `host.handler` is the one of the case that runs. `listener(host)` and
 * `fetchHandler(host)` are what a server of Node or of Fetch serves.
 *
 * @example
 * ```ts
 * import { createServer } from 'node:http'
 * import { sojourn } from 'sojourn/node'
 * import { contractHost, listener } from 'sojourn/testing'
 *
 * const host = contractHost((site, app) => sojourn(site).handle(app.node))
 * createServer(listener(host)).listen(8000)
 * ```
 */
export function contractHost<Handler>(
  build: (site: Site, app: App) => Handler,
  options: HostOptions = {},
): ContractHost<Handler> {
  return new ContractHost(build, options)
}

type Listener = (request: IncomingMessage, response: ServerResponse) => unknown

/** What `http.createServer` serves: the contract's door, and behind it whatever the adapter made. */
export function listener(host: ContractHost<Listener>): (request: IncomingMessage, response: ServerResponse) => void {
  return (request, response) => {
    if (request.url !== DOOR) return void host.handler(request, response)
    void bodyOf(request)
      .then((text) => host.obey(text))
      .then(
        (answer) => response.end(answer),
        (error: unknown) => {
          response.statusCode = 500
          response.end(reasonOf(error))
        },
      )
  }
}

async function bodyOf(request: IncomingMessage): Promise<string> {
  let text = ''
  request.setEncoding('utf8')
  for await (const piece of request as AsyncIterable<string>) text += piece
  return text
}

/** What a runtime of Fetch serves: the contract's door, and behind it whatever the adapter made. */
export function fetchHandler<Rest extends unknown[]>(
  host: ContractHost<(request: Request, ...rest: Rest) => MaybePromise<Response>>,
): (request: Request, ...rest: Rest) => MaybePromise<Response> {
  return (request, ...rest) =>
    new URL(request.url).pathname === DOOR ? throughDoor(host, request) : host.handler(request, ...rest)
}

async function throughDoor(host: ContractHost<unknown>, request: Request): Promise<Response> {
  try {
    return new Response(await host.obey(await request.text()))
  } catch (error) {
    return new Response(reasonOf(error), { status: 500 })
  }
}

function reasonOf(error: unknown): string {
  return String((error as Error | undefined)?.stack ?? error)
}
