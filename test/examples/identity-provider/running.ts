import { spawn } from 'node:child_process'
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { repositoryRoot } from '../../../tools/report.js'
import { endOf, linesOf } from '../process-lines.js'

/** The example as its one command starts it, in a folder of its own. */
export interface Running extends AsyncDisposable {
  readonly provider: string
  readonly shop: string
  readonly guestbook: string
  /** What the provider keeps all of its data in. */
  readonly database: string
  /** What it printed. */
  readonly printed: readonly string[]
  complaints(): string
  /** Sends the command a signal; the code that it then ends with. */
  end(signal: NodeJS.Signals): Promise<number | null>
}

/** The shop's, for a test that asks in its name. */
export const SHOP_SECRET = 'the secret of the shop, which the tests know'

export async function startWorld(env: NodeJS.ProcessEnv): Promise<Running> {
  const folder = await mkdtemp(join(tmpdir(), 'sojourn-provider-'))
  const database = join(folder, 'provider.sqlite3')
  const command = spawn(process.execPath, ['--import', 'tsx', 'examples/identity-provider/start.ts'], {
    cwd: repositoryRoot,
    env: {
      HOME: folder,
      TMPDIR: folder,
      PORT: '0',
      DATABASE: database,
      SHOP_CLIENT_SECRET: SHOP_SECRET,
      // The machine may be busy with other tests.
      SESSION_STORE_TIMEOUT: '10',
      ...env,
    },
    stdio: ['ignore', 'pipe', 'pipe'],
  })
  let complaints = ''
  command.stderr.setEncoding('utf8').on('data', (text: string) => (complaints += text))
  const end = (signal: NodeJS.Signals): Promise<number | null> => endOf(command, signal)
  const stop = async (): Promise<void> => {
    await end('SIGTERM')
    await rm(folder, { recursive: true, force: true, maxRetries: 3 })
  }
  try {
    const printed = await linesOf(command, 3)
    if (printed.length < 3) throw new Error(`The example did not start: ${printed.join('\n')}${complaints}`)
    const [provider = '', shop = '', guestbook = ''] = printed.map((line) => line.replace(/\/ .*$/, ''))
    return {
      provider,
      shop,
      guestbook,
      database,
      printed,
      complaints: () => complaints,
      end,
      [Symbol.asyncDispose]: stop,
    }
  } catch (error) {
    await stop()
    throw error
  }
}
