import { parseArgs } from 'node:util'
import { nearestName } from '../core/setting-names.js'
import { settingsFromEnv } from '../core/settings-env.js'
import { check } from './check.js'
import { clearsessions } from './clearsessions.js'
import { describeFailure } from './failure.js'
import { migrate } from './migrate.js'
import { withoutSecrets } from './secrets.js'

/** What a command may use of the world. */
export interface World {
  readonly env: Readonly<Record<string, string | undefined>>
  readonly out: (line: string) => void
  readonly err: (line: string) => void
  /** Writes over the line that is there; absent where nobody watches (a file, a log). */
  readonly status?: (line: string) => void
  /** Aborted by Ctrl-C. */
  readonly signal?: AbortSignal
}

export interface Options {
  readonly database?: string
  readonly 'dry-run'?: boolean
  readonly deploy?: boolean
  readonly settings?: string
  readonly 'fail-level'?: string
}

/** 0: done; 1: failed; 2: not understood; 130: interrupted. */
export type ExitCode = 0 | 1 | 2 | 130

export interface Command {
  readonly summary: string
  /** What it takes besides `--database`. */
  readonly takes: readonly (keyof Options)[]
  run(options: Options, world: World): Promise<ExitCode>
}

const COMMANDS: Readonly<Record<string, Command>> = { migrate, clearsessions, check }

/** What follows an option. */
const VALUES: Readonly<Record<string, string>> = {
  database: ' URL',
  settings: ' FILE',
  'fail-level': ' debug|info|warning|error|critical',
}

const HELP = [
  'Usage: sojourn <command> [--database URL]',
  '',
  ...Object.entries(COMMANDS).map(([name, { summary }]) => `  ${name.padEnd(14)} ${summary}`),
  '',
  'clearsessions takes --dry-run; check takes --deploy, --settings FILE and --fail-level LEVEL.',
  '',
  'Settings are read from the environment, in the spelling of Django; a FILE is a module whose default export they are, or a function',
  'that gives them:',
  '  DATABASE_URL=postgres://user@host/site sojourn migrate',
  '  sojourn check --deploy --settings ./settings.js',
].join('\n')

/** Runs a command of the command line. */
export async function run(args: readonly string[], world: World): Promise<ExitCode> {
  let name: string | undefined
  let more: readonly string[]
  let options: Options
  try {
    const { positionals, values } = parseArgs({
      args: [...args],
      allowPositionals: true,
      options: {
        database: { type: 'string' },
        'dry-run': { type: 'boolean' },
        deploy: { type: 'boolean' },
        settings: { type: 'string' },
        'fail-level': { type: 'string' },
        help: { type: 'boolean', short: 'h' },
      },
    })
    if (values.help) {
      world.out(HELP)
      return 0
    }
    ;[name, ...more] = positionals
    options = values
  } catch (error) {
    world.err((error as Error).message)
    return 2
  }
  const command = name !== undefined && Object.hasOwn(COMMANDS, name) ? COMMANDS[name] : undefined
  if (command === undefined) {
    world.err(name === undefined ? HELP : `${noCommand(name)}\n\n${HELP}`)
    return 2
  }
  const taken: readonly string[] = ['database', ...command.takes]
  const known = taken.map((option) => `[--${option}${VALUES[option] ?? ''}]`).join(' ')
  if (more.length > 0) {
    // Without what it is: a URL that belongs behind --database, and its password.
    world.err(`Nothing but options may follow ${name}: ${known}`)
    return 2
  }
  const strange = Object.keys(options).find((option) => !taken.includes(option))
  if (strange !== undefined) {
    world.err(`${name} takes no --${strange}, only ${known}`)
    return 2
  }
  try {
    // A file of settings names its database itself.
    const database = options.database ?? (options.settings === undefined ? databaseOfEnv(world) : undefined)
    return await command.run({ ...options, database }, world)
  } catch (error) {
    world.err(withoutSecrets(describeFailure(error), world, options.database))
    return 1
  }
}

/** What is no word may be a URL that got into the wrong place, with its password. */
function noCommand(name: string): string {
  const shown = /^[\w-]{1,40}$/.test(name) ? ` '${name}'` : ' of that name'
  return `There is no command${shown}; ${nearestName(name, Object.keys(COMMANDS))}`
}

function databaseOfEnv({ env }: World): string | undefined {
  const url: unknown = settingsFromEnv(env).databases?.default
  return typeof url === 'string' ? url : undefined
}
