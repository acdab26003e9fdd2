import mysql from 'mysql2/promise'
import pg from 'pg'

let last = 0

/** Makes an empty database in a PostgreSQL or MariaDB; its URL. */
export async function freshDatabase(server: string): Promise<string> {
  const name = `fresh${++last}`
  await ask(server, `CREATE DATABASE ${name}${server.startsWith('mysql:') ? ' CHARACTER SET utf8mb4' : ''}`)
  return Object.assign(new URL(server), { pathname: `/${name}` }).href
}

/** Has a database do one thing. */
export async function ask(url: string, sql: string): Promise<void> {
  if (url.startsWith('mysql:')) {
    const connection = await mysql.createConnection(url)
    await connection.query(sql).finally(() => connection.end())
  } else {
    const client = new pg.Client({ connectionString: url })
    await client.connect()
    await client.query(sql).finally(() => client.end())
  }
}
