import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { Server } from 'node:http'
import type { AddressInfo } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { format } from 'node:util'
import type { Site } from 'sojourn'
import { Client, serve, serveFetch } from 'sojourn/testing'
import { repositoryRoot } from '../../tools/report.js'
import type { Snippet, Try } from './snippets.js'

/** What a snippet may define at its top level, by these names. */
interface Defined {
  /** Express, or any other function of Node's request and response. */
  readonly app?: Parameters<typeof serve>[0]
  /** A function of a Fetch request. */
  readonly handler?: Parameters<typeof serveFetch>[0]
  readonly site?: Site
}

let count = 0

/**
 * Runs a snippet as a module of a user's, in an empty folder. What it logs must be what the comments behind its
 * `console.log` say, and the site that it defines or starts must answer its tries. Throws where either is not so.
 */
export async function runSnippet({ code, tries }: Snippet): Promise<void> {
  // Below node_modules, so that a snippet finds express as a user's file would; `sojourn` is an alias of the tests.
  const modules = join(repositoryRoot, 'node_modules/.cache', `sojourn-guide-${process.pid}`)
  const home = process.cwd()
  const folder = mkdtempSync(join(tmpdir(), 'sojourn-guide-'))
  const closing: (() => unknown)[] = []
  process.chdir(folder)
  try {
    count += 1
    const module = join(modules, `${count}.ts`)
    mkdirSync(modules, { recursive: true })
    writeFileSync(module, withExports(code))
    const { defined, logged, servers } = await watched(() => import(module) as Promise<Defined>)
    closing.push(...servers.map((server) => () => server.close()), () => defined.site?.close())
    refuseDifference('It logs', logged, loggedByComments(code))
    if (tries.length === 0) return
    const [server] = servers
    const { app, handler } = defined
    if (server !== undefined) {
      await visit(`http://127.0.0.1:${(server.address() as AddressInfo).port}`, tries)
    } else if (app !== undefined || handler !== undefined) {
      const served = app !== undefined ? await serve(app) : await serveFetch(handler as NonNullable<typeof handler>)
      closing.unshift(() => served.close())
      await visit(served.origin, tries)
    } else throw new Error('It has tries, but neither an app nor a handler.')
  } finally {
    for (const close of closing) await close()
    process.chdir(home)
    rmSync(folder, { recursive: true, force: true })
    rmSync(modules, { recursive: true, force: true })
  }
}

/** The code with the names of `Defined` exported. */
function withExports(code: string): string {
  const names = [...code.matchAll(/^(?:const|let) (app|handler|site)\b/gm)].map(([, name]) => name)
  return `${code}\nexport { ${[...new Set(names)].join(', ')} }\n`
}

/** Runs a module, notes what it logs, and lets it listen at free ports of the loopback only. */
async function watched(
  run: () => Promise<Defined>,
): Promise<{ defined: Defined; logged: readonly string[]; servers: readonly Server[] }> {
  const { log } = console
  const { listen } = Server.prototype
  const logged: string[] = []
  const listening: Promise<Server>[] = []
  console.log = (...values: unknown[]) => logged.push(format(...values))
  Server.prototype.listen = function (this: Server, ...given: unknown[]): Server {
    listening.push(new Promise((resolve) => this.once('listening', () => resolve(this))))
    const told = given.find((each): each is () => void => typeof each === 'function')
    // What it says once it listens names the port of the page, which is not ours.
    return Reflect.apply(listen, this, [0, '127.0.0.1', told && (() => undefined)])
  } as typeof listen
  try {
    const defined = await run()
    return { defined, logged, servers: await Promise.all(listening) }
  } finally {
    console.log = log
    Server.prototype.listen = listen
  }
}

/** What the lines that log at the top level say they do: `console.log(1 + 1) // 2`. */
function loggedByComments(code: string): readonly string[] {
  return [...code.matchAll(/^console\.log\(.*\) \/\/ (.*)$/gm)].map(([, comment]) => comment as string)
}

/** One visitor makes all the requests, in their order. */
export async function visit(origin: string, tries: readonly Try[]): Promise<void> {
  const visitor = new Client(origin)
  try {
    for (const { method, path, fields, status, contains } of tries) {
      const answer = method === 'POST' ? await visitor.post(path, fields) : await visitor.request(method, path)
      const head = Object.entries(answer.headers).map(([name, value]) => `${name}: ${value}`)
      refuseDifference(`${method} ${path} answers`, answer.status, status, answer.text)
      const whole = [...head, '', answer.text].join('\n')
      if (!whole.includes(contains)) throw new Error(`${method} ${path} has no '${contains}' in its answer:\n${whole}`)
    }
  } finally {
    visitor.close()
  }
}

function refuseDifference(what: string, is: unknown, expected: unknown, more = ''): void {
  const [one, other] = [JSON.stringify(is), JSON.stringify(expected)]
  if (one !== other) throw new Error(`${what} ${one}, and the page says ${other}. ${more}`)
}
