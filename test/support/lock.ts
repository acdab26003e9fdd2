import { setTimeout as wait } from 'node:timers/promises'
import { sqlite } from '../../src/databases/sqlite.js'

/**
 * Runs `work` while no other process (nor another call in this one) holds the lock of that file. The lock is SQLite's on
 * an empty database, because the kernel lets go of it when a process dies: nothing stale is ever left to be guessed about.
 */
export async function withLock<T>(file: string, work: () => Promise<T>): Promise<T> {
  let release = take(file)
  while (release === null) {
    await wait(50)
    release = take(file)
  }
  try {
    return await work()
  } finally {
    release()
  }
}

/** How to let go of the lock; `null` while somebody else holds it. */
function take(file: string): (() => void) | null {
  const database = sqlite(`sqlite:${encodeURIComponent(file)}`)
  try {
    database.execute('PRAGMA busy_timeout = 0; BEGIN EXCLUSIVE')
    return () => database.close()
  } catch (error) {
    database.close()
    if (/database is locked/.test(String(error))) return null
    throw error
  }
}
