import { writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import mysql, { type RowDataPacket } from 'mysql2/promise'
import { serverProgram } from './programs.js'
import { runOrThrow } from './run-as.js'
import { type Place, type ServerOptions, startServer, type TestServer } from './server.js'
import { copyTemplate } from './template.js'

const logSize = '16M'

const ours: Readonly<Record<string, string>> = {
  'bind-address': '127.0.0.1',
  'skip-name-resolve': 'ON',
  'character-set-server': 'utf8mb4',
  'innodb-buffer-pool-size': '64M',
  'innodb-log-file-size': logSize,
  'innodb-flush-log-at-trx-commit': '1',
  'performance-schema': 'OFF',
}

/** Starts a MariaDB with a database `sojourn` and a root without a password, where a commit is on the disk. */
export function startMariadb(options: ServerOptions = {}): Promise<TestServer> {
  const settings = Object.entries({ ...ours, ...options.settings })
  return startServer(
    {
      name: 'mariadb',
      prepare,
      command: ({ folder, data }, port) => [
        serverProgram('mariadbd'),
        '--no-defaults',
        ...[`--datadir=${data}`, `--tmpdir=${folder}`, `--socket=${join(folder, 'socket')}`],
        ...[`--pid-file=${join(folder, 'pid')}`, `--port=${port}`],
        ...settings.map(([name, value]) => `--${name}=${value}`),
      ],
      url: (port) => `mysql://root@127.0.0.1:${port}/sojourn`,
      isOurs: async ({ url, data }) => (await ask(url)) === `${data}/`,
    },
    options,
  )
}

function prepare(place: Place): Promise<void> {
  return copyTemplate(place, serverProgram('mariadbd'), async (folder, data) => {
    const more = join(folder, 'more.sql')
    await writeFile(more, 'CREATE DATABASE sojourn CHARACTER SET utf8mb4;\n')
    const root = ['--auth-root-authentication-method=normal', '--skip-test-db', '--skip-name-resolve']
    await runOrThrow(
      [
        serverProgram('mariadb-install-db'),
        '--no-defaults',
        ...[`--datadir=${data}`, `--innodb-log-file-size=${logSize}`, `--extra-file=${more}`],
        ...root,
      ],
      { account: place.account, folder },
    )
  })
}

async function ask(url: string): Promise<unknown> {
  const connection = await mysql.createConnection({ uri: url, connectTimeout: 1000 })
  connection.on('error', () => undefined)
  try {
    const [rows] = await connection.query<RowDataPacket[]>({ sql: 'SELECT @@datadir AS folder', timeout: 1000 })
    return rows[0]?.['folder']
  } finally {
    connection.destroy()
  }
}
