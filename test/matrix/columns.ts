import type { RuntimeName } from '../support/runtimes.js'

/** An adapter, in the server that its users have, and the runtimes that it is tried on. */
export interface Adapter {
  readonly name: string
  /** The file in `servers/` that serves the contract's pages through it. */
  readonly server: string
  /** What it stands on: Node's servers, or what the runtime has for Fetch. */
  readonly by: 'node:http' | 'node:http2' | 'fetch'
  /** Pages can answer with Node's own `ServerResponse`: they have more to hold. */
  readonly nodePages: boolean
  /** Whether its pages find the session on what the framework gives them. */
  readonly places: boolean
  readonly on: readonly RuntimeName[]
  /** Its server is built by the framework's own tools: the project of this name in `test/contracts/`, with what that example has installed. */
  readonly project?: 'next' | 'sveltekit' | 'nitro'
  /** The example that has its framework installed, where the repository itself has not. */
  readonly example?: 'elysia'
  /** What the framework itself says in Vary. */
  readonly varies?: readonly string[]
  /** Where it cannot run at all, and why. */
  readonly cannot?: Partial<Record<RuntimeName, string>>
}

const nodes = ['node20', 'node22', 'node24', 'node26'] as const
const others = ['bun', 'deno'] as const
const noSockets = 'workerd has no node:http server on a socket, so no IncomingMessage'

const denoAborts =
  'Deno 2.9 aborts as a whole, now and then, when a connection of its node:http2 ends (denoland/deno#36788)'

/** What stands on `node:http` runs wherever that is. */
const onNode = {
  by: 'node:http',
  nodePages: true,
  places: true,
  on: [...nodes, ...others],
  cannot: { workerd: noSockets },
} as const

/** What speaks Fetch runs on whatever a runtime has for that. */
const onFetch = { by: 'fetch', nodePages: false, places: false, on: [...nodes, ...others, 'workerd'] } as const

export const adapters: readonly Adapter[] = [
  { ...onNode, name: 'node:http', server: 'node' },
  // Express is not here: it gives each request the prototype of node:http's, which one of HTTP/2 cannot bear.
  {
    ...onNode,
    name: 'node:http2',
    server: 'node-h2',
    by: 'node:http2',
    on: [...nodes, 'bun'],
    cannot: { deno: denoAborts },
  },
  { ...onNode, name: 'express4', server: 'express4' },
  { ...onNode, name: 'express5', server: 'express5' },
  { ...onNode, name: 'fastify', server: 'fastify', nodePages: false },
  { ...onNode, name: 'nest on express', server: 'nest-express', nodePages: false },
  { ...onNode, name: 'nest on fastify', server: 'nest-fastify', nodePages: false },
  { ...onNode, name: 'koa', server: 'koa' },
  { ...onFetch, name: 'fetch', server: 'fetch' },
  { ...onFetch, name: 'hono', server: 'hono', places: true },
  { ...onFetch, name: 'h3', server: 'h3', places: true },
  {
    ...onFetch,
    name: 'next',
    server: 'next',
    project: 'next',
    on: nodes,
    varies: ['rsc', 'next-router-state-tree', 'next-router-prefetch', 'next-router-segment-prefetch'],
  },
  { ...onFetch, name: 'sveltekit', server: 'sveltekit', project: 'sveltekit', on: nodes, places: true },
  { ...onFetch, name: 'nitro', server: 'nitro', project: 'nitro', on: nodes, places: true },
  { ...onFetch, name: 'elysia', server: 'elysia', example: 'elysia', on: ['bun'] },
]

/** A claim that cannot be shown in some columns. What is absent is any. */
export interface Exception {
  readonly by?: Adapter['by']
  readonly adapters?: RegExp
  readonly runtimes?: RegExp
  readonly claim: RegExp
  readonly reason: string
}

export const exceptions: readonly Exception[] = [
  {
    adapters: /^(next|sveltekit|nitro)$/,
    claim: /^the head of an event stream leaves before its first piece/,
    reason:
      'Next, Nitro and the adapter of SvelteKit for Node send the head of a streamed answer together with its first piece',
  },
  {
    by: 'fetch',
    runtimes: /^bun$/,
    claim: /^the head of an event stream leaves before its first piece/,
    reason: 'Bun.serve sends the head of a streamed answer together with its first piece',
  },
  {
    by: 'fetch',
    runtimes: /^bun$/,
    claim: /^two requests pipelined/,
    reason: 'Bun.serve closes a connection on which requests are pipelined, and answers none',
  },
  {
    by: 'node:http',
    runtimes: /^bun$/,
    claim: /^a body that cannot be sent is an error.*slow/,
    reason: "Bun's node:http sends the head before it looks at the body, where anything wraps writeHead",
  },
]
