import { SessionState } from '../core/session.js'
import { SessionSealed } from '../errors.js'

const ABSENT = Symbol('absent')

/** A session that a test looks at. No way leads from it to the store: what would change, save or end it throws `SessionSealed`. */
export class PeekedState extends SessionState {
  /** Refuses what is changed by the dictionary. */
  override held = true

  /** What is handed out is frozen to the bottom: a `push` would reach nobody. */
  override get(key: string, fallback?: unknown): unknown {
    const value = super.get(key, ABSENT)
    return value === ABSENT ? fallback : frozen(value)
  }

  override refusal(): SessionSealed {
    return new SessionSealed(
      'What `client.session()` gives is to be looked at, and a change of it would reach nobody. Use `await client.editSession((session) => ...)`.',
    )
  }

  /** `flush` begins so. */
  override end(): never {
    throw this.refusal()
  }

  /** `transact` begins so, which may save late where a page runs. */
  override twin(): never {
    throw this.refusal()
  }

  /** `save` begins so. */
  override cellsToSave(): never {
    throw this.refusal()
  }
}

function frozen(value: unknown): unknown {
  if (typeof value !== 'object' || value === null) return value
  for (const each of Object.values(value)) frozen(each)
  return Object.freeze(value)
}
