import { parseArgs } from 'node:util'
import { authTables } from '../auth/part.js'
import { settingsFromEnv } from '../core/settings-env.js'
import { sqlite } from '../databases/sqlite.js'
import { sessionTables } from '../engines/db.js'
import { ImproperlyConfigured, SojournError } from '../errors.js'

/** What a command may use of the world. */
export interface World {
  readonly env: Readonly<Record<string, string | undefined>>
  readonly out: (line: string) => void
  readonly err: (line: string) => void
}

interface Command {
  readonly summary: string
  run(options: { readonly database?: string }, world: World): Promise<void>
}

const COMMANDS: Readonly<Record<string, Command>> = {
  migrate: {
    summary: "Make Django's tables django_session and auth_user where they are missing.",
    async run({ database: url = 'sqlite:./db.sqlite3' }, { out }) {
      if (!url.startsWith('sqlite:')) throw new ImproperlyConfigured('migrate knows sqlite: databases so far.')
      const database = sqlite(url)
      await sessionTables(database)
      await authTables(database)
      await database.close()
      out(`django_session and auth_user are in ${url}.`)
    },
  },
}

const HELP = [
  'Usage: sojourn <command> [--database URL]',
  '',
  ...Object.entries(COMMANDS).map(([name, { summary }]) => `  ${name.padEnd(10)} ${summary}`),
  '',
  'Settings are read from the environment, in the spelling of Django: DATABASE_URL=sqlite:./db.sqlite3 sojourn migrate',
].join('\n')

/** Runs a command; 0 if it did its work, 1 if it could not, 2 if it was not understood. */
export async function run(args: readonly string[], world: World): Promise<0 | 1 | 2> {
  let name: string | undefined
  let database: string | undefined
  try {
    const { positionals, values } = parseArgs({
      args: [...args],
      allowPositionals: true,
      options: { database: { type: 'string' }, help: { type: 'boolean', short: 'h' } },
    })
    if (values.help) {
      world.out(HELP)
      return 0
    }
    name = positionals[0]
    database = values.database
  } catch (error) {
    world.err((error as Error).message)
    return 2
  }
  const command = name !== undefined && Object.hasOwn(COMMANDS, name) ? COMMANDS[name] : undefined
  if (command === undefined) {
    world.err(name === undefined ? HELP : `There is no command '${name}'.\n\n${HELP}`)
    return 2
  }
  try {
    await command.run({ database: database ?? databaseOfEnv(world) }, world)
    return 0
  } catch (error) {
    world.err(error instanceof SojournError ? error.message : String(error))
    return 1
  }
}

function databaseOfEnv({ env }: World): string | undefined {
  const url: unknown = settingsFromEnv(env).databases?.default
  return typeof url === 'string' ? url : undefined
}
