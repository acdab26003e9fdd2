import type { Session } from '../core/session-types.js'
import { ImproperlyConfigured } from '../errors.js'
import { CookieSignature } from '../wire/cookie-signature.js'
import { copyValues } from './copy-values.js'
import { importSession } from './import-session.js'
import type { MoveOptions, OldCookie, SessionImport } from './options.js'

type Done = (error?: unknown, session?: unknown) => void

/** As much of a session store of express-session as is needed to empty it. */
export interface OldStore {
  get(id: string, done: Done): unknown
  destroy(id: string, done: Done): unknown
}

/** A key as `createHmac` takes it: a text, bytes, or a secret `KeyObject`. */
export type OldSecret = string | ArrayBufferView | { readonly type: string; export(): unknown }

/** The options of express-session that it takes to find what it kept; its own options object will do. */
export interface ExpressSessionOptions<Old extends object> extends Omit<MoveOptions<Old>, 'cookie'> {
  /** The secret, or all that are in use; any of them may have signed. */
  readonly secret: OldSecret | readonly OldSecret[]
  /** Where the old sessions are. express-session's own default, the memory of its process, holds nothing that could be moved: an error. */
  readonly store?: OldStore | undefined
  /** Default: `connect.sid`. */
  readonly name?: string | undefined
  /** Attributes of the old cookie. A function of the request is an error: say by which attributes the cookie is deleted. */
  readonly cookie?: OldCookie | ((request: never) => unknown) | undefined
}

/** What express-session keeps beside the data. */
interface Stored {
  readonly cookie?: { readonly originalMaxAge?: number | null; readonly expires?: string | Date | null }
}

/**
 * Keeps visitors of express-session logged in: reads the old signed cookie, takes the session out of its old store and moves it into a new one,
 * under a new key, once, when its visitor comes. `map` says what becomes of the data, above all whom it logs in; without it each value keeps
 * its key. A session that was to end sooner than the site's do (`maxAge`, or with the browser) still does. Needs an engine that stores.
 *
 * @example
 * ```ts
 * import { RedisStore } from 'connect-redis'
 * import express from 'express'
 * import { createClient } from 'redis'
 * import { login, sojourn, userBackend } from 'sojourn/express'
 * import { copyValues, importExpressSession } from 'sojourn/import'
 *
 * const app = express()
 * const sessions = sojourn({ secretKey: 'a long random text' })
 * app.use(sessions)
 * app.use(
 *   importExpressSession<{ passport?: { user: number }; cart?: string[] }>({
 *     secret: 'the secret that express-session had',
 *     store: new RedisStore({ client: await createClient().connect() }),
 *     async map({ passport, ...rest }, session, request) {
 *       copyValues(rest, session, request)
 *       const user = passport && (await userBackend(sessions.site).getUser(String(passport.user)))
 *       if (user) await login(request, user)
 *     },
 *   }),
 * )
 * ```
 */
export function importExpressSession<Old extends object = Record<string, unknown>>(
  options: ExpressSessionOptions<Old>,
): SessionImport {
  const { secret, store, map = copyValues, name = 'connect.sid', cookie, keep, grace } = options
  if (typeof store?.get !== 'function' || typeof store.destroy !== 'function') throw refused(NO_STORE)
  if (typeof cookie === 'function') throw refused(NO_COOKIE)
  const signature = new CookieSignature(secretsOf(secret))
  return importSession<Old & Stored>({
    name,
    cookie,
    keep,
    grace,
    idOf: (text) => signature.open(decoded(text)),
    get: async (id) =>
      filled((await promised((done) => store.get(id, done)).catch(unreadable)) as (Old & Stored) | null),
    destroy: (id) => promised((done) => store.destroy(id, done)),
    endOf,
    map: ({ cookie, ...data }, session, request) => {
      keepEnd(cookie, session)
      return map(data as unknown as Old, session, request)
    },
  })
}

const NO_STORE = 'the store that express-session kept its sessions in: { store: new RedisStore({ client }) }.'
const NO_COOKIE = 'the attributes that the old cookie is deleted by, as an object: { cookie: { path, domain } }.'
const NO_SECRET =
  'the secret that express-session signed its cookies with: a text, bytes, a KeyObject, or a list of them.'

function refused(needed: string): ImproperlyConfigured {
  return new ImproperlyConfigured(`importExpressSession needs ${needed}`)
}

function secretsOf(secret: OldSecret | readonly OldSecret[]): readonly (string | Uint8Array)[] {
  const secrets = [secret as OldSecret].flat().map(bytesOf)
  if (secrets.length > 0 && secrets.every((each) => each.length > 0)) return secrets
  throw refused(NO_SECRET)
}

function bytesOf(secret: OldSecret): string | Uint8Array {
  if (typeof secret === 'string') return secret
  if (ArrayBuffer.isView(secret)) return new Uint8Array(secret.buffer, secret.byteOffset, secret.byteLength)
  // A `KeyObject`: `createHmac` signs with secret ones only.
  if (secret?.type === 'secret') return secret.export() as Uint8Array
  throw refused(NO_SECRET)
}

/** express-session writes `s%3A`; a text that cannot be decoded is nobody's. */
function decoded(text: string): string {
  try {
    return decodeURIComponent(text)
  } catch {
    return ''
  }
}

/** A record that is no JSON is no session: it will never be one, and its visitor could do nothing about an error. */
function unreadable(error: unknown): null {
  if (error instanceof SyntaxError) return null
  throw error
}

/** One that holds nothing but its cookie is nothing to move. */
function filled<Old extends object>(old: (Old & Stored) | null | undefined): (Old & Stored) | null {
  return old && Object.keys(old).some((key) => key !== 'cookie') ? old : null
}

function endOf({ cookie }: Stored): number | undefined {
  const end = cookie?.expires ? new Date(cookie.expires).getTime() : Number.NaN
  return Number.isNaN(end) ? undefined : end
}

/** Nobody is remembered for longer than was promised: `maxAge` is counted from each save, as it was from each visit. */
function keepEnd(cookie: Stored['cookie'], session: Session): void {
  const { originalMaxAge } = cookie ?? {}
  if (originalMaxAge === null) {
    if (!session.getExpireAtBrowserClose()) session.setExpiry(0)
  } else if (originalMaxAge !== undefined && originalMaxAge < session.getExpiryAge() * 1000) {
    session.setExpiry(Math.max(Math.ceil(originalMaxAge / 1000), 1))
  }
}

function promised(run: (done: Done) => unknown): Promise<unknown> {
  return new Promise((resolve, reject) => {
    // A store that is all promises besides its callback tells of a failure in both ways.
    Promise.resolve(run((error, result) => (error ? reject(error) : resolve(result)))).catch(reject)
  })
}
