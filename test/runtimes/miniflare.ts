import { spawn } from 'node:child_process'
import { existsSync, mkdirSync, realpathSync, renameSync, rmSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { createInterface } from 'node:readline'
import { repositoryRoot } from '../../tools/report.js'
import { withLock } from '../support/lock.js'
import { run } from '../support/run.js'
import { runtime } from '../support/runtimes.js'

/** Cloudflare's own simulator: the real workerd, with local D1, KV and Durable Objects. It wants Node 22. */
const VERSION = '4.20260730.0'

export interface Workers extends AsyncDisposable {
  /** `http://127.0.0.1:<port>` */
  readonly origin: string
}

export interface WorkersOptions {
  /** The URL of a server, for the bindings `POSTGRES` and `HYPERDRIVE`. */
  readonly postgres?: string
  /** Whether the Worker has the class `SessionObject`, for the binding `SESSIONS`. */
  readonly objects?: boolean
  /** What is executed in D1 first. */
  readonly sql?: string
}

/** Runs a Worker, with D1 as the binding `DB` and KV as `KV`. */
export async function startWorkers(program: string, options: WorkersOptions = {}): Promise<Workers> {
  const [node, home] = [await runtime('node22'), await miniflareHome()]
  const serve = join(repositoryRoot, 'test/runtimes/serve-workers.mjs')
  const child = spawn(node, [serve, home, program, JSON.stringify(options)], { stdio: ['pipe', 'pipe', 'inherit'] })
  const exited = new Promise<void>((resolve) => child.once('exit', () => resolve()))
  const origin = await new Promise<string>((resolve, reject) => {
    createInterface(child.stdout).once('line', resolve)
    child.once('exit', (code) => reject(new Error(`Miniflare ended with ${code} before it served anything.`)))
  })
  return {
    origin,
    async [Symbol.asyncDispose]() {
      child.stdin.end()
      await exited
    },
  }
}

/** The folder that Miniflare is installed in; installed at the first call. */
export async function miniflareHome(): Promise<string> {
  const cache = join(realpathSync(join(repositoryRoot, 'node_modules')), '.cache/sojourn-runtimes')
  const home = join(cache, `miniflare-${VERSION}`)
  mkdirSync(cache, { recursive: true })
  return withLock(join(cache, 'lock.sqlite3'), async () => {
    if (existsSync(home)) return home
    const made = `${home}.${process.pid}`
    mkdirSync(made, { recursive: true })
    writeFileSync(join(made, 'package.json'), '{ "private": true }\n')
    const args = ['install', '--ignore-scripts', '--no-audit', '--no-fund', '--no-save', `miniflare@${VERSION}`]
    const { code, stderr } = await run('npm', args, { cwd: made, seconds: 300 })
    if (code === 0) renameSync(made, home)
    rmSync(made, { recursive: true, force: true })
    if (code !== 0)
      throw new Error(`npm could not install miniflare, which the tests on Workers need: ${stderr.trim()}`)
    return home
  })
}
