import { spawn } from 'node:child_process'
import { randomBytes } from 'node:crypto'
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { repositoryRoot } from '../../../tools/report.js'
import type { DjangoHome } from '../../django/home.js'
import { run } from '../../support/run.js'
import { endOf, linesOf } from '../process-lines.js'

/** The example as its one command starts it, in a folder of its own. */
export interface Running extends AsyncDisposable {
  readonly origin: string
  readonly folder: string
  /** Of the command, and of the Django and the Node that it says to have started. */
  readonly pids: { readonly start: number; readonly django: number; readonly node: number }
  /** Users that nobody else's server has. */
  readonly users: Readonly<Record<'ann' | 'bea' | 'cy', User>>
  /** What the processes complained of. */
  complaints(): string
  /** Sends the command a signal; the code that it then ends with. */
  end(signal: NodeJS.Signals): Promise<number | null>
}

export interface User {
  readonly username: string
  readonly password: string
}

const example = join(repositoryRoot, 'examples/beside-django')

/** What the command needs to find that Django; nothing of the developer's shell. */
export function environmentOf(home: DjangoHome): NodeJS.ProcessEnv {
  return {
    PATH: process.env['PATH'],
    LC_ALL: 'C.UTF-8',
    PYTHON: home.python,
    PYTHONPATH: home.pythonPath,
    PYTHONPYCACHEPREFIX: home.bytecode,
    PYTHONNOUSERSITE: '1',
  }
}

/** Runs the command, waits for the address it prints, and makes the users. */
export async function startExample(home: DjangoHome, settings: Readonly<Record<string, string>>): Promise<Running> {
  const folder = await mkdtemp(join(tmpdir(), 'sojourn-beside-'))
  const env = {
    ...environmentOf(home),
    HOME: folder,
    TMPDIR: folder,
    PORT: '0',
    DATABASE: join(folder, 'db.sqlite3'),
    SECRET_KEY: randomBytes(40).toString('base64url'),
    // The machine may be busy with other tests.
    SESSION_STORE_TIMEOUT: '10',
    ...settings,
  }
  const command = spawn(process.execPath, ['--import', 'tsx', join(example, 'start.ts')], {
    cwd: repositoryRoot,
    env,
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
    const [address = '', , processes = ''] = printed
    const [, django, node] = /is process (\d+), Node is process (\d+)$/.exec(processes) ?? []
    return {
      origin: address.replace(/\/$/, ''),
      folder,
      pids: { start: command.pid as number, django: Number(django), node: Number(node) },
      users: await makeUsers(home, env),
      complaints: () => complaints,
      end,
      [Symbol.asyncDispose]: stop,
    }
  } catch (error) {
    await stop()
    throw error
  }
}

const MAKE_USERS = `
import sys, django
django.setup()
from django.contrib.auth import get_user_model
for number, given in enumerate(sys.argv[1:]):
    username, password = given.split(' ')
    users = get_user_model().objects
    (users.create_user if number else users.create_superuser)(username, password=password)
`

/** The first may use the admin; the password of each of the others is changed by one claim. */
async function makeUsers(home: DjangoHome, env: NodeJS.ProcessEnv): Promise<Running['users']> {
  const user = (name: string): User => ({
    username: `${name}-${randomBytes(4).toString('hex')}`,
    password: randomBytes(8).toString('hex'),
  })
  const users = { ann: user('ann'), bea: user('bea'), cy: user('cy') }
  const given = Object.values(users).map(({ username, password }) => `${username} ${password}`)
  const { code, stderr } = await run(home.python, ['-c', MAKE_USERS, ...given], {
    env: {
      ...env,
      DJANGO_SETTINGS_MODULE: 'guestbook.settings',
      DATABASE_URL: `sqlite:${env['DATABASE']}`,
      PYTHONPATH: `${join(example, 'django')}:${home.pythonPath}`,
    },
  })
  if (code !== 0) throw new Error(`No users could be made: ${stderr}`)
  return users
}
