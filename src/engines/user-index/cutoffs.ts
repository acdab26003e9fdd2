import { chain } from '../../core/maybe.js'
import type { Cutoffs, MaybePromise } from '../../core/types.js'
import type { Database, Dialect, Statement } from '../../databases/database.js'

/** Of two moments the later one counts, whichever is written first: what one has ended no clock that is behind brings back. */
const LATER: Readonly<Record<Dialect, string>> = {
  sqlite: 'ON CONFLICT (user_id) DO UPDATE SET moment = MAX(sojourn_cutoff.moment, excluded.moment)',
  postgres: 'ON CONFLICT (user_id) DO UPDATE SET moment = GREATEST(sojourn_cutoff.moment, excluded.moment)',
  mysql: 'ON DUPLICATE KEY UPDATE moment = GREATEST(moment, VALUES(moment))',
}

/** The moment of each user before which no signed cookie counts: what ends sessions that are stored nowhere. */
export class DbCutoffs implements Cutoffs {
  readonly #put: () => Statement
  readonly #of: () => Statement

  constructor(database: Database) {
    this.#put = once(() =>
      database.prepare(`INSERT INTO sojourn_cutoff (user_id, moment) VALUES (?1, ?2) ${LATER[database.dialect]}`),
    )
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
