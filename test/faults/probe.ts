import { connect } from 'node:net'
import { setTimeout as sleep } from 'node:timers/promises'
import mysql from 'mysql2/promise'
import pg from 'pg'

/** Milliseconds that a server has for its first word. */
const PATIENCE = 250

/** The moment (`performance.now()`) at which a server answers a question of its own kind, asked by nobody but us. */
export async function firstAnswer(url: string, seconds = 20): Promise<number> {
  const end = performance.now() + seconds * 1000
  while (performance.now() < end) {
    if (await answers(url).catch(() => false)) return performance.now()
    await sleep(5)
  }
  throw new Error(`The server does not answer within ${seconds} s.`)
}

export function answers(url: string): Promise<boolean> {
  const { protocol, port } = new URL(url)
  if (protocol === 'redis:') return says(Number(port), 'PING\r\n', '+PONG')
  if (protocol === 'memcached:') return says(Number(port), 'version\r\n', 'VERSION')
  return protocol === 'mysql:' ? mysqlAnswers(url) : postgresAnswers(url)
}

function says(port: number, question: string, answer: string): Promise<boolean> {
  return new Promise((resolve) => {
    const socket = connect(port, '127.0.0.1', () => socket.write(question))
    const end = (is: boolean): void => {
      clearTimeout(timer)
      socket.destroy()
      resolve(is)
    }
    const timer = setTimeout(end, PATIENCE, false)
    socket.on('data', (text) => end(text.toString('latin1').startsWith(answer)))
    socket.on('error', () => end(false))
    socket.on('close', () => end(false))
  })
}

async function postgresAnswers(url: string): Promise<boolean> {
  const client = new pg.Client({
    connectionString: url,
    connectionTimeoutMillis: PATIENCE,
    query_timeout: PATIENCE,
  })
  client.on('error', () => undefined)
  try {
    await client.connect()
    await client.query('SELECT 1')
    return true
  } finally {
    client.end().catch(() => undefined)
  }
}

async function mysqlAnswers(url: string): Promise<boolean> {
  const connection = await mysql.createConnection({ uri: url, connectTimeout: PATIENCE })
  connection.on('error', () => undefined)
  try {
    await connection.query({ sql: 'SELECT 1', timeout: PATIENCE })
    return true
  } finally {
    connection.destroy()
  }
}
