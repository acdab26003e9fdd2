import { chown, mkdir, mkdtemp, realpath } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { type Account, accountOf } from './account.js'
import { PrivateServer } from './private-server.js'
import { needPrograms, type ServerName } from './programs.js'
import { runOrThrow } from './run-as.js'

export { missingServer } from './programs.js'

/** A server of our own, on a port and in a folder of its own. `await using` ends it at the end of the block. */
export interface TestServer extends AsyncDisposable {
  /** As sojourn's settings take it: `postgres://sojourn@127.0.0.1:PORT/sojourn`, `redis://127.0.0.1:PORT`. */
  readonly url: string
  readonly port: number
  /** Of the present process; another after each start. */
  readonly pid: number
  /** Its own folder, with the data in `data/`. */
  readonly folder: string
  /** Ends it as a crash would, with SIGKILL, and waits until no process of it is left. */
  kill(): Promise<void>
  /** Starts it again after `kill` or `stop`, with the same folder and port; resolves when it answers. */
  start(): Promise<void>
  /** Ends it in good order and waits for that. */
  stop(): Promise<void>
  /** Freezes all of its processes: connections stay open and nobody answers. */
  pause(): void
  /** Lets them go on. */
  resume(): void
  /** The last 8 KB of what it printed. */
  log(): string
}

export interface ServerOptions {
  /** The server's own settings by their names there; they come after ours and win. */
  readonly settings?: Readonly<Record<string, string>>
  /** A folder to use in place of a temporary one: kept at the end, and found again with its data by a later start. */
  readonly folder?: string
}

/** Where a server lives, and as whom. */
export interface Place {
  readonly folder: string
  /** Its working directory: who works here belongs to the server. */
  readonly data: string
  /** The user it runs as; `undefined` where that is ourselves. */
  readonly account: Account | undefined
}

/** What differs between the servers. */
export interface ServerKind {
  readonly name: ServerName
  /** Fills the data folder, if there is nothing in it yet. What it writes is given to the server's user afterwards. */
  prepare?(place: Place): Promise<void>
  /** The program and its arguments. */
  command(place: Place, port: number): readonly [string, ...string[]]
  url(port: number): string
  /** Asks the server itself whether it is the one we started; rejects while it does not answer. */
  isOurs(server: {
    readonly url: string
    readonly port: number
    readonly pid: number
    readonly data: string
  }): Promise<boolean>
  /** What ends it in good order; SIGTERM if not said. */
  readonly stopSignal?: NodeJS.Signals
  /** What ends it fast when its data are no longer wanted; SIGKILL if not said. */
  readonly discardSignal?: NodeJS.Signals
  /** Shell that removes, from within the data folder, what a killed one left elsewhere. */
  readonly sweep?: string
}

/** Starts a private server and waits until it answers, and that it is the one started. */
export async function startServer(kind: ServerKind, options: Pick<ServerOptions, 'folder'> = {}): Promise<TestServer> {
  await needPrograms(kind.name)
  const place = await makePlace(kind, options.folder)
  const server = new PrivateServer(kind, place, options.folder === undefined)
  try {
    await fill(kind, place)
    await server.startAnywhere()
    return server
  } catch (error) {
    await server[Symbol.asyncDispose]()
    throw error
  }
}

async function makePlace(kind: ServerKind, given: string | undefined): Promise<Place> {
  if (given !== undefined) await mkdir(given, { recursive: true })
  // The kernel tells working directories, and PostgreSQL its own, without links.
  const folder = await realpath(given ?? (await mkdtemp(join(tmpdir(), `sojourn-${kind.name}-`))))
  const data = join(folder, 'data')
  const account = accountOf(kind.name)
  await mkdir(data, { recursive: true, mode: 0o700 })
  if (account !== undefined) for (const path of [folder, data]) await chown(path, account.uid, account.gid)
  return { folder, data, account }
}

async function fill(kind: ServerKind, place: Place): Promise<void> {
  await kind.prepare?.(place)
  const { account, data } = place
  if (account !== undefined) await runOrThrow(['chown', '-R', `${account.uid}:${account.gid}`, data])
}
