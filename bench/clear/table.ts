import { spawnSync } from 'node:child_process'
import { join } from 'node:path'
import Database from 'better-sqlite3'
import pg from 'pg'
import { repositoryRoot } from '../build.js'

/** Days over which the ends of expired and of live sessions are spread. */
const DAYS = 30

/** About as long as a small session is, signed. */
const TEXT = 400

/** Statements of one database, each with a number for an answer or none. */
interface Sql {
  run(text: string): Promise<unknown>
  number(text: string): Promise<number>
  close(): Promise<unknown>
}

interface Words {
  /** So many rows that end after (1) or before (-1) now. */
  fill(rows: number, sign: 1 | -1): string
  /** What a database of some age has done by itself. */
  readonly settle: readonly string[]
  readonly now: string
  /** Of the time over which expired sessions are spread, the part in which there are none any more. */
  readonly share: string
}

/** The keys are random, as those of real sessions, and so are the ends: a sweep along the ends goes to and fro in the table. */
const words: Readonly<Record<'sqlite' | 'postgres', Words>> = {
  sqlite: {
    fill: (rows, sign) => `
      WITH RECURSIVE series(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM series WHERE i < ${rows})
      INSERT INTO django_session SELECT lower(hex(randomblob(16))), hex(zeroblob(${TEXT / 2})),
        strftime('%Y-%m-%d %H:%M:%S.000000', 'now', (${sign} * (3600 + abs(random() % ${86_400 * DAYS}))) || ' seconds')
      FROM series`,
    settle: ['ANALYZE', 'PRAGMA wal_checkpoint(TRUNCATE)'],
    now: "strftime('%Y-%m-%d %H:%M:%f000', 'now')",
    share: `1 + (julianday(min(expire_date)) - julianday('now')) / ${DAYS}`,
  },
  postgres: {
    fill: (rows, sign) => `
      INSERT INTO django_session SELECT md5(random()::text || i), repeat('x', ${TEXT}),
        now() + ${sign} * (3600 + random() * ${86_400 * DAYS}) * interval '1 second'
      FROM generate_series(1, ${rows}) AS i`,
    settle: ['VACUUM ANALYZE', 'CHECKPOINT'],
    now: 'now()',
    share: `1 + extract(epoch FROM min(expire_date) - now()) / ${86_400 * DAYS}`,
  },
}

/** A `django_session` table with many rows. */
export class ClearedTable {
  readonly #sql: Sql
  readonly #words: Words

  private constructor(sql: Sql, own: Words) {
    this.#sql = sql
    this.#words = own
  }

  static async fill(url: string, rows: { readonly expired: number; readonly live: number }): Promise<ClearedTable> {
    const program = join(repositoryRoot, 'dist/cli/main.js')
    const { status } = spawnSync(process.execPath, [program, 'migrate', '--database', url], { stdio: 'inherit' })
    if (status !== 0) throw new Error('sojourn migrate failed.')
    const isPostgres = url.startsWith('postgres:')
    const table = new ClearedTable(
      isPostgres ? await overPostgres(url) : overSqlite(url.slice('sqlite:'.length)),
      words[isPostgres ? 'postgres' : 'sqlite'],
    )
    await table.#sql.run(table.#words.fill(rows.expired, -1))
    await table.#sql.run(table.#words.fill(rows.live, 1))
    for (const statement of table.#words.settle) await table.#sql.run(statement)
    return table
  }

  /** How much of what was expired is gone, seen from its oldest row: to count would be work for the database. */
  shareCleared(): Promise<number> {
    return this.#sql.number(`SELECT ${this.#words.share} AS n FROM django_session`)
  }

  expired(): Promise<number> {
    return this.#sql.number(`SELECT count(*) AS n FROM django_session WHERE expire_date < ${this.#words.now}`)
  }

  live(): Promise<number> {
    return this.#sql.number(`SELECT count(*) AS n FROM django_session WHERE expire_date >= ${this.#words.now}`)
  }

  async close(): Promise<void> {
    await this.#sql.close()
  }
}

async function overPostgres(url: string): Promise<Sql> {
  const client = new pg.Client({ connectionString: url })
  await client.connect()
  return {
    run: (text) => client.query(text),
    number: async (text) => Number((await client.query<{ n: unknown }>(text)).rows[0]?.n),
    close: () => client.end(),
  }
}

function overSqlite(path: string): Sql {
  const handle = new Database(path)
  return {
    run: async (text) => void handle.exec(text),
    number: async (text) => Number((handle.prepare(text).get() as { n: unknown }).n),
    close: async () => void handle.close(),
  }
}
