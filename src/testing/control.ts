import type { EngineOperation } from './watched-engine.js'

/** How the engine of a trial is: `at once` as it comes, `slow` as if it were across a network. */
export type Pace = 'at once' | 'slow'

/** The pages that a case visits: those of every framework, or those that answer with Node's own `ServerResponse`. */
export type PageSet = 'any' | 'node'

/** How the store behaves from now on. What is absent stays as it was. */
export interface StoreMood {
  /** Operations that fail, without reaching the engine. */
  readonly fail?: readonly EngineOperation[]
  /** Operations that never answer. */
  readonly hang?: readonly EngineOperation[]
  /** Operations that wait until they are no longer in this list. */
  readonly hold?: readonly EngineOperation[]
  /** Milliseconds that an operation takes, or `jitter` for none or one, by chance. An engine that answers at once goes on to do so. */
  readonly delay?: number | 'jitter'
}

/** What the pages tell of what they did. */
export interface Made {
  /** How many bytes of a long answer were made. */
  bytes: number
  /** The page has come to its end, or was stopped. */
  ended: boolean
  /** Which callbacks of a page were called. */
  told?: readonly string[]
  /** What a page saw of its response: `headersSent` and `writableEnded`, at three moments. */
  states?: readonly (readonly [boolean, boolean])[]
  /** By which codes changes of a head that has left were refused. */
  refused?: readonly unknown[]
}

/**
 * The inside of a server under test: what a claim may know and change of it. The server is in this process, or in another one and in another
 * runtime, so all of it is asynchronous and all values are JSON's.
 */
export interface Control {
  /** What the store was asked, in order. */
  asked(): Promise<readonly EngineOperation[]>
  /** Begins to count anew. */
  recount(): Promise<void>
  store(mood: StoreMood): Promise<void>
  exists(key: string): Promise<boolean>
  /** The data of a stored session; `null` if there is none. */
  stored(key: string): Promise<Readonly<Record<string, unknown>> | null>
  /** Resolves when a page waits at this gate. */
  arrival(gate: string): Promise<void>
  /** Lets the page go on that waits at this gate, or will. */
  open(gate: string): Promise<void>
  made(): Promise<Made>
  /** Forgets what was made. */
  remake(): Promise<void>
  /** Bytes of memory that the server's process has; `null` where the runtime does not tell. */
  memory(): Promise<number | null>
  /** Rejections that nobody handled since this was asked last, as text. */
  unhandled(): Promise<readonly string[]>
}

/** The names of all that can be asked for, for those who pass it on. */
export const orders = [
  'asked',
  'recount',
  'store',
  'exists',
  'stored',
  'arrival',
  'open',
  'made',
  'remake',
  'memory',
  'unhandled',
] as const satisfies readonly (keyof Control)[]
