import { chain } from '../../core/maybe.js'
import type { Cutoffs, MaybePromise } from '../../core/types.js'
import type { Database, Statement } from '../../databases/database.js'
import { orUpdate } from './tables.js'

/** The moment of each user before which no signed cookie counts: what ends sessions that are stored nowhere. */
export class DbCutoffs implements Cutoffs {
  readonly #put: () => Statement
  readonly #of: () => Statement

  constructor(database: Database) {
    const update = orUpdate(database.dialect, 'user_id', ['moment'])
    this.#put = once(() => database.prepare(`INSERT INTO sojourn_cutoff (user_id, moment) VALUES (?1, ?2) ${update}`))
    this.#of = once(() => database.prepare('SELECT user_id, moment FROM sojourn_cutoff WHERE user_id = ?1'))
  }

  put(user: string, moment: number): MaybePromise<void> {
    return chain(this.#put().run(user, moment), () => undefined)
  }

  of(user: string): MaybePromise<number | null> {
    return chain(this.#of().get(user), (row) => (row?.['user_id'] === user ? Number(row['moment']) : null))
  }
}

function once<T>(make: () => T): () => T {
  let made: T | undefined
  return () => {
    made ??= make()
    return made
  }
}
