import pg from 'pg'
import { serverProgram } from './programs.js'
import { runOrThrow } from './run-as.js'
import { type Place, type ServerOptions, startServer, type TestServer } from './server.js'
import { copyTemplate } from './template.js'

const ours: Readonly<Record<string, string>> = {
  listen_addresses: '127.0.0.1',
  unix_socket_directories: '',
  shared_buffers: '32MB',
  max_connections: '100',
}

/** A killed PostgreSQL leaves a piece of System V memory, whose key and id are in the seventh line of its file. */
const dropSharedMemory = "if [ -e postmaster.pid ]; then ipcrm -m $(sed -n '7s/.* //p' postmaster.pid); fi"

/**
 * Starts a PostgreSQL with a superuser and a database `sojourn`, without passwords on the loopback, and as careful with
 * its disk as it is by default.
 */
export function startPostgres(options: ServerOptions = {}): Promise<TestServer> {
  const settings = Object.entries({ ...ours, ...options.settings })
  return startServer(
    {
      name: 'postgres',
      prepare,
      command: ({ data }, port) => [
        serverProgram('postgres'),
        ...['-D', data, '-p', String(port)],
        ...settings.flatMap(([name, value]) => ['-c', `${name}=${value}`]),
      ],
      url: (port) => `postgres://sojourn@127.0.0.1:${port}/sojourn`,
      isOurs: async ({ url, data }) => (await ask(url)) === data,
      // It calls this its fast shutdown; SIGTERM would wait for the clients.
      stopSignal: 'SIGINT',
      // And this its immediate one, which takes its shared memory along.
      discardSignal: 'SIGQUIT',
      sweep: dropSharedMemory,
    },
    options,
  )
}

function prepare(place: Place): Promise<void> {
  return copyTemplate(place, serverProgram('postgres'), async (folder, data) => {
    const { account } = place
    const start = ['--username=sojourn', '--auth=trust', '--encoding=UTF8', '--locale=C.UTF-8']
    await runOrThrow([serverProgram('initdb'), `--pgdata=${data}`, ...start], { account, folder })
    const single = [serverProgram('postgres'), '--single', '-D', data, 'postgres']
    await runOrThrow(['sh', '-c', 'echo "CREATE DATABASE sojourn" | "$@"', 'sh', ...single], { account, folder })
  })
}

async function ask(url: string): Promise<string | undefined> {
  const client = new pg.Client({ connectionString: url, connectionTimeoutMillis: 1000, query_timeout: 1000 })
  client.on('error', () => undefined)
  try {
    await client.connect()
    const { rows } = await client.query<{ data_directory: string }>('SHOW data_directory')
    return rows[0]?.data_directory
  } finally {
    await client.end()
  }
}
