import { type ChildProcess, spawn } from 'node:child_process'
import { once } from 'node:events'
import { createInterface } from 'node:readline'
import { repositoryRoot } from '../../tools/report.js'
import type { StoreAddress } from '../support/engines.js'
import { type RuntimeName, runtime } from '../support/runtimes.js'

/** A process of its own that listens at a port of this machine. */
export interface Running extends AsyncDisposable {
  readonly origin: string
  /** Tells it something more, as a line of JSON, and waits until it says that it is ready. */
  tell(what: unknown): Promise<void>
}

/** A client as oidc-provider knows it. */
export interface ClientMetadata {
  readonly client_id: string
  readonly redirect_uris: readonly string[]
  readonly post_logout_redirect_uris: readonly string[]
  readonly backchannel_logout_uri: string
}

export interface ProviderOptions {
  /** Its name, without a port, and by HTTPS; this machine's address by HTTP unless given. */
  readonly host?: string
}

/** Starts oidc-provider on one of the runtimes; its clients are told later, when they know where they are. */
export async function startProvider(name: RuntimeName, options: ProviderOptions = {}): Promise<Running> {
  const running = await start(await runtime(name), 'test/oidc/provider-process.ts', options)
  const { host } = options
  return host === undefined ? running : { ...running, origin: `https://${host}:${new URL(running.origin).port}` }
}

export interface SiteOptions {
  readonly issuer: string
  readonly clientId: string
  readonly store: StoreAddress
}

/** Starts a site that lets a provider log its visitors in. */
export function startSite(options: SiteOptions): Promise<Running> {
  return start(process.execPath, 'test/oidc/site-process.ts', options)
}

async function start(program: string, file: string, options: unknown): Promise<Running> {
  const child = spawn(program, ['--import', 'tsx', file, JSON.stringify(options)], {
    cwd: repositoryRoot,
    env: { PATH: process.env['PATH'], HOME: process.env['HOME'] },
    stdio: ['pipe', 'pipe', 'pipe'],
  })
  let complaints = ''
  child.stderr.setEncoding('utf8').on('data', (text: string) => (complaints += text))
  const lines = createInterface(child.stdout)[Symbol.asyncIterator]()
  const said = async (pattern: RegExp): Promise<string> => {
    for (let next = await lines.next(); !next.done; next = await lines.next()) {
      const found = pattern.exec(next.value)
      if (found !== null) return found[1] ?? ''
    }
    throw new Error(`${file} did not start: ${complaints}`)
  }
  const port = await said(/^port (\d+)$/)
  return {
    origin: `http://127.0.0.1:${port}`,
    async tell(what) {
      child.stdin.write(`${JSON.stringify(what)}\n`)
      await said(/^ready$/)
    },
    [Symbol.asyncDispose]: () => kill(child),
  }
}

async function kill(child: ChildProcess): Promise<void> {
  if (child.exitCode !== null || child.signalCode !== null) return
  const exited = once(child, 'exit')
  child.kill('SIGKILL')
  await exited
}
