import { setTimeout as wait } from 'node:timers/promises'
import Database from 'better-sqlite3'

/**
 * Runs `work` while no other process (nor another call in this one) holds the lock of that file. The lock is SQLite's on
 * an empty database, because the kernel lets go of it when a process dies: nothing stale is ever left to be guessed about.
 */
export async function withLock<T>(file: string, work: () => Promise<T>): Promise<T> {
  const database = new Database(file, { timeout: 0 })
  try {
    while (!taken(database)) await wait(50)
    return await work()
  } finally {
    database.close()
  }
}

function taken(database: Database.Database): boolean {
  try {
    database.exec('BEGIN EXCLUSIVE')
    return true
  } catch (error) {
    if ((error as { code?: string }).code?.startsWith('SQLITE_BUSY')) return false
    throw error
  }
}
