import { ImproperlyConfigured, ReservedName, SessionValueError } from '../errors.js'
import * as commit from './commit.js'
import type { SessionState } from './session.js'
import type { ReservedName as Name, Session, SessionData, SessionMethods } from './session-types.js'
import { transact } from './transact.js'

/** From the dictionary to the state behind it; never seen by users. */
const STATE = Symbol('sojourn.session')
const INSPECT = Symbol.for('nodejs.util.inspect.custom')

/** A function that changes the request's own session instead would lose counts, and nothing would say so. */
const NO_PARAMETER =
  'transact takes a function of the session that it is to change: session.transact((s) => { s.count = 1 }). What is changed on another handle is no part of the transaction.'

/** express-session's way; it would be waited for, for ever. */
const NO_CALLBACK =
  'session.save() takes no callback: `await session.save()`. It is not needed before a redirect either; for regenerate() there is cycleKey(), and for destroy() flush().'

interface Behind {
  readonly [STATE]: SessionState
}

/** One line for each name a session has besides its data. `this` is the dictionary. */
const methods: { [K in Name]: K extends 'sessionKey' | 'accessed' | 'modified' ? null : unknown } = {
  sessionKey: null,
  accessed: null,
  modified: null,
  get(this: Behind, key: string, fallback?: unknown) {
    return this[STATE].get(key, fallback)
  },
  set(this: Behind, key: string, value: unknown) {
    changing(this).set(key, value)
  },
  has(this: Behind, key: string) {
    return this[STATE].has(key)
  },
  delete(this: Behind, key: string) {
    return changing(this).delete(key)
  },
  pop(this: Behind, key: string, fallback?: unknown) {
    return changing(this).pop(key, fallback)
  },
  setDefault(this: Behind, key: string, value: unknown) {
    return changing(this).setDefault(key, value)
  },
  update(this: Behind, values: object) {
    changing(this).update(values)
  },
  clear(this: Behind) {
    changing(this).clear()
  },
  isEmpty(this: Behind) {
    return this[STATE].isEmpty()
  },
  setExpiry(this: Behind, value: Parameters<SessionMethods['setExpiry']>[0]) {
    changing(this).setExpiry(value)
  },
  getExpiryAge(this: Behind, options?: Parameters<SessionMethods['getExpiryAge']>[0]) {
    return this[STATE].getExpiryAge(options)
  },
  getExpiryDate(this: Behind, options?: Parameters<SessionMethods['getExpiryDate']>[0]) {
    return this[STATE].getExpiryDate(options)
  },
  getExpireAtBrowserClose(this: Behind) {
    return this[STATE].getExpireAtBrowserClose()
  },
  getSessionCookieAge(this: Behind) {
    return this[STATE].getSessionCookieAge()
  },
  setTestCookie(this: Behind) {
    changing(this).setTestCookie()
  },
  testCookieWorked(this: Behind) {
    return this[STATE].testCookieWorked()
  },
  deleteTestCookie(this: Behind) {
    changing(this).deleteTestCookie()
  },
  flush(this: Behind) {
    return commit.flush(this[STATE])
  },
  cycleKey(this: Behind) {
    return commit.cycleKey(changing(this))
  },
  async load(this: Behind) {
    await commit.load(this[STATE])
  },
  save(this: Behind, ...given: unknown[]) {
    // At once, and no promise that fails: whoever gives a callback looks at neither.
    if (given.some((each) => typeof each === 'function')) throw new ImproperlyConfigured(NO_CALLBACK)
    return saveNow(this[STATE])
  },
  async exists(this: Behind, key: string) {
    return this[STATE].store.exists(key)
  },
  transact(this: Behind, fn: (session: Session) => unknown) {
    if (typeof fn !== 'function' || fn.length === 0) throw new SessionValueError(NO_PARAMETER)
    return transact(this[STATE], (own) => fn(dictionary(own)))
  },
}
Object.setPrototypeOf(methods, null)

async function saveNow(state: SessionState): Promise<void> {
  await commit.saveNow(state)
}

/** The state behind a dictionary that is about to be changed. */
function changing(dictionary: Behind): SessionState {
  return open(dictionary[STATE])
}

function open(state: SessionState): SessionState {
  if (state.held) throw state.refusal()
  return state
}

/** The names that are not data. */
export const RESERVED_NAMES: readonly Name[] = Object.keys(methods) as Name[]

const isReserved = (name: string): name is Name => name in methods

/**
 * What the proxy stands on. `util.inspect` looks through a proxy at its target, so the state in it is private: a log that
 * prints a session, however deep, must print neither its key nor the site's secret (T27).
 */
class Target {
  readonly #state: SessionState

  constructor(state: SessionState) {
    this.#state = state
  }

  static state(target: Target): SessionState {
    return target.#state
  }

  /** Shows the data and nothing else. `this` is the dictionary. */
  [INSPECT](this: Behind): unknown {
    const state = this[STATE]
    return state.phase === 'loaded' ? Object.fromEntries(entries(state)) : '[Session: not loaded]'
  }
}

const handler: ProxyHandler<Target> = {
  get(target, name) {
    const state = Target.state(target)
    if (typeof name === 'symbol') return symbol(state, name)
    if (!isReserved(name)) return state.get(name)
    if (name === 'sessionKey') return state.key
    return name === 'accessed' || name === 'modified' ? state[name] : methods[name]
  },
  set(target, name, value) {
    if (typeof name === 'symbol') return false
    const state = Target.state(target)
    if (name === 'modified') {
      open(state).markModified(Boolean(value))
    } else if (isReserved(name)) {
      throw new ReservedName(
        `'${name}' is a name of the session itself; keep data under it with session.set('${name}', value).`,
      )
    } else {
      open(state).set(name, value)
    }
    return true
  },
  has: (target, name) => typeof name === 'string' && Target.state(target).has(name),
  deleteProperty(target, name) {
    if (typeof name === 'string') open(Target.state(target)).delete(name)
    return true
  },
  ownKeys: (target) => Target.state(target).keys(),
  getOwnPropertyDescriptor(target, name) {
    const state = Target.state(target)
    if (typeof name !== 'string' || !state.has(name)) return undefined
    return { value: state.get(name), writable: true, enumerable: true, configurable: true }
  },
  defineProperty(target, name, descriptor) {
    if (typeof name !== 'string' || !('value' in descriptor)) return false
    open(Target.state(target)).set(name, descriptor.value)
    return true
  },
  getPrototypeOf: () => null,
  setPrototypeOf: () => false,
  preventExtensions: () => false,
}

function symbol(state: SessionState, name: symbol): unknown {
  if (name === STATE) return state
  if (name === Symbol.iterator) return () => entries(state)
  if (name === Symbol.toStringTag) return 'Session'
  if (name === Symbol.toPrimitive) return () => '[object Session]'
  if (name === INSPECT) return Target.prototype[INSPECT]
  return undefined
}

function* entries(state: SessionState): Generator<[string, unknown]> {
  for (const key of state.keys()) yield [key, state.get(key)]
}

/** The dictionary that users hold. */
export function dictionary<T extends object = SessionData>(state: SessionState): Session<T> {
  return new Proxy(new Target(state), handler) as unknown as Session<T>
}

/** The state behind a dictionary. */
export function stateOf(session: Session): SessionState {
  return (session as unknown as Behind)[STATE]
}

/** Whether something is a session as users hold it. Looks at none of its keys. */
export function isSession(given: object): boolean {
  return (given as Partial<Behind>)[STATE] !== undefined
}
