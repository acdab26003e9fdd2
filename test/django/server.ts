import { type ChildProcess, spawn } from 'node:child_process'
import { randomUUID } from 'node:crypto'
import { once } from 'node:events'
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { createInterface } from 'node:readline'
import { fileURLToPath } from 'node:url'
import { run } from '../support/run.js'
import { type DjangoHome, findDjango, type Suite } from './home.js'

const project = fileURLToPath(new URL('project/', import.meta.url))

/** How to start a Django. */
export interface DjangoOptions {
  /**
   * SQLite's file, made if it is not there, or the URL of a database in a PostgreSQL or MariaDB; without it a file in a private folder
   * that goes when Django stops.
   */
  readonly database?: string
  readonly secretKey: string
  /** More settings, or others, by Django's names: `{ USE_TZ: false, SESSION_ENGINE: '...' }`. */
  readonly settings?: Readonly<Record<string, unknown>>
  /** A Debian suite for another Django than the newest to be had. */
  readonly suite?: Suite
  /** A folder of more Python modules. */
  readonly modules?: string
}

/** A Django that runs. `await using` stops it at the end of the block. */
export interface Django extends AsyncDisposable {
  /** `http://127.0.0.1:PORT`, without a slash at the end. */
  readonly url: string
  readonly version: string
  readonly pid: number
  readonly database: string
  /** Runs Python inside the server, with `args` and all of Django at hand; what it printed. A raised exception rejects. */
  python(code: string, args?: unknown): Promise<string>
  /** Runs `manage.py` in a process of its own; what it printed. An exit code other than 0 rejects with what it complained. */
  manage(...args: readonly string[]): Promise<string>
  createUser(username: string, password: string, options?: { readonly superuser?: boolean }): Promise<{ id: number }>
  /** The place where an operation `["gate", name]` stops: `arrived` when a request is there, `open` lets it go on. */
  gate(name: string): { arrived(): Promise<void>; open(): Promise<void> }
  /** What the server wrote to its log: exceptions of views, Django's warnings. */
  log(): string
  /** Ends the process and removes its private folder. A second call waits for the same end. */
  stop(): Promise<void>
}

/**
 * Starts Django with real tables and threads, and waits until it answers. Its address is its own: many may start at once.
 *
 * @throws Error if there is no Django here, or it did not start; ask `findDjango` first where tests may be skipped
 */
export async function startDjango(options: DjangoOptions): Promise<Django> {
  const home = await findDjango(options.suite)
  if ('missing' in home) throw new Error(home.missing)
  const folder = await mkdtemp(join(tmpdir(), 'sojourn-django-'))
  const { database = join(folder, 'db.sqlite3'), secretKey, settings = {} } = options
  const nonce = randomUUID()
  const given = { ...databaseFor(database, folder), folder, nonce, secretKey, settings }
  const paths = [project, options.modules, home.pythonPath].filter((path) => path !== undefined && path !== '')
  const env = environment(home, folder, paths.join(':'), JSON.stringify(given))
  const server = spawn(home.python, [join(project, 'serve.py')], { cwd: folder, env, stdio: 'pipe' })
  let stopping: Promise<void> | undefined
  const stop = (): Promise<void> =>
    (stopping ??= end(server).then(() => rm(folder, { recursive: true, force: true, maxRetries: 3 })))
  const log = keepLog(server)
  try {
    const { started, python } = converse(server, log)
    const { port, version } = await started
    const url = `http://127.0.0.1:${port}`
    if ((await (await fetch(`${url}/.nonce`)).text()) !== nonce)
      throw new Error(`${url} is not the Django just started`)
    return {
      url,
      version,
      pid: server.pid ?? Number.NaN,
      database,
      python,
      manage: (...args) => manage(home.python, args, { cwd: folder, env }),
      createUser: async (username, password, { superuser = false } = {}) =>
        JSON.parse(await python(createUser, { username, password, superuser })) as { id: number },
      gate: (name) => ({
        arrived: async () => void (await python(`${gates}gates[args].wait_for_arrival()`, name)),
        open: async () => void (await python(`${gates}gates[args].opened.set()`, name)),
      }),
      log,
      stop,
      [Symbol.asyncDispose]: stop,
    }
  } catch (error) {
    await stop()
    throw error
  }
}

const gates = 'from djangosite.gates import gates\n'

const createUser = `
import json
from django.contrib.auth import get_user_model
users = get_user_model().objects
create = users.create_superuser if args['superuser'] else users.create_user
print(json.dumps({'id': create(args['username'], password=args['password']).pk}))
`

/** The database in Django's words, and the file whose lock lets one server at a time migrate it. */
function databaseFor(database: string, folder: string): { readonly database: object; readonly lock: string } {
  // Seconds that one writer waits for another: the file is shared with Node and with this server's other threads.
  if (!/^(postgres|mysql):/.test(database)) {
    const file = { ENGINE: 'django.db.backends.sqlite3', NAME: database, OPTIONS: { timeout: 20 } }
    return { database: file, lock: `${database}.migrating` }
  }
  const { protocol, hostname, port, username, pathname } = new URL(database)
  const server = { HOST: hostname, PORT: port, USER: username, NAME: pathname.slice(1) }
  const dialect =
    protocol === 'mysql:'
      ? { ENGINE: 'django.db.backends.mysql', OPTIONS: { charset: 'utf8mb4' } }
      : { ENGINE: 'django.db.backends.postgresql' }
  return { database: { ...server, ...dialect }, lock: join(folder, 'migrating') }
}

/** Only what Python needs, so that no setting of the developer's shell reaches the tests. */
function environment(home: DjangoHome, folder: string, pythonPath: string, given: string): NodeJS.ProcessEnv {
  return {
    PATH: process.env['PATH'],
    HOME: folder,
    TMPDIR: folder,
    LC_ALL: 'C.UTF-8',
    PYTHONPATH: pythonPath,
    PYTHONPYCACHEPREFIX: home.bytecode,
    PYTHONNOUSERSITE: '1',
    DJANGO_SETTINGS_MODULE: 'djangosite.settings',
    SOJOURN_DJANGO: given,
  }
}

async function manage(python: string, args: readonly string[], options: { cwd: string; env: NodeJS.ProcessEnv }) {
  const { code, stdout, stderr } = await run(python, [join(project, 'manage.py'), ...args], options)
  if (code !== 0) throw new Error(`manage.py ${args.join(' ')} exited ${code}: ${stderr.trim()}`)
  return stdout
}

interface Started {
  readonly port: number
  readonly version: string
}

interface Reply {
  readonly id: number
  readonly printed?: string
  readonly error?: string
}

/** The lines of JSON that `serve.py` describes. When the process ends, whatever still waits is rejected. */
function converse(server: ChildProcess, log: () => string): { started: Promise<Started>; python: Django['python'] } {
  const { promise: started, resolve: start, reject } = withResolvers<Started>()
  const waiting = new Map<number, (reply: Reply) => void>()
  let ended: Error | undefined
  let last = 0

  createInterface({ input: server.stdout! }).on('line', (line) => {
    const message = JSON.parse(line) as Started | Reply
    if ('port' in message) start(message)
    else waiting.get(message.id)?.(message)
  })
  const fail = (reason: string): void => {
    ended = new Error(`Django ${reason}: ${log()}`)
    reject(ended)
    for (const [id, reply] of waiting) reply({ id, error: ended.message })
  }
  server.on('error', (error) => fail(`could not be started (${error.message})`))
  server.on('close', (code, signal) => fail(`ended (${code ?? signal})`))
  server.stdin!.on('error', () => undefined)

  return {
    started,
    python: async (code, args = null) => {
      if (ended !== undefined) throw ended
      const id = ++last
      const { promise, resolve } = withResolvers<Reply>()
      waiting.set(id, resolve)
      server.stdin!.write(`${JSON.stringify({ id, code, args })}\n`)
      const reply = await promise
      waiting.delete(id)
      if (reply.error !== undefined) throw new Error(reply.error)
      return reply.printed ?? ''
    },
  }
}

/** The end of what it writes to standard error: enough for a traceback or ten. */
function keepLog(server: ChildProcess): () => string {
  let text = ''
  server.stderr!.setEncoding('utf8').on('data', (more: string) => (text = (text + more).slice(-65_536)))
  return () => text
}

async function end(server: ChildProcess): Promise<void> {
  if (server.pid === undefined || server.exitCode !== null || server.signalCode !== null) return
  const closed = once(server, 'close')
  server.kill('SIGTERM')
  const lastResort = setTimeout(() => server.kill('SIGKILL'), 5000)
  await closed
  clearTimeout(lastResort)
}

/** `Promise.withResolvers`, which Node has from version 22. */
function withResolvers<T>(): { promise: Promise<T>; resolve: (value: T) => void; reject: (error: Error) => void } {
  let resolve!: (value: T) => void
  let reject!: (error: Error) => void
  const promise = new Promise<T>((yes, no) => {
    resolve = yes
    reject = no
  })
  return { promise, resolve, reject }
}
