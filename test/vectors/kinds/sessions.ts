import { mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { signedCodec } from '../../../src/codecs/signed.js'
import { Scope } from '../../../src/core/scope.js'
import type { Session } from '../../../src/core/session-types.js'
import type { SettingsInput } from '../../../src/core/settings.js'
import type { Cells } from '../../../src/core/types.js'
import { fileEngine } from '../../../src/engines/file.js'
import { isoOfMicros, sqliteDate } from '../../../src/wire/dates.js'
import { splitObject } from '../../../src/wire/json.js'
import { bareSite, requestHead, responseHead, sqliteEngine } from '../../support/sites.js'
import { all, type Check, check, same } from '../runner.js'

interface Row {
  readonly session_key: string
  readonly session_data: string
  readonly expires_in: number
}

interface MiddlewareInput {
  readonly settings: Readonly<Record<string, unknown>>
  readonly secret: string
  readonly time: number
  readonly cookie: string | null
  readonly row: Row | null
  readonly ops: readonly (readonly [string, ...unknown[]])[]
  readonly status: number
  readonly vary_before: string | null
  readonly random_keys: readonly string[]
}

interface MiddlewareExpected {
  readonly error: string | null
  readonly set_cookie: string | null
  readonly vary: string | null
  readonly rows: Readonly<Record<string, { json: string; expire_date: string; rewritten: boolean }>>
}

type Act = (session: Session, ...given: never[]) => unknown

const ACTS: Readonly<Record<string, Act>> = {
  get: (session, key: string) => session.get(key),
  set: (session, key: string, value: unknown) => session.set(key, value),
  del: (session, key: string) => session.delete(key),
  pop: (session, key: string) => session.pop(key),
  clear: (session) => session.clear(),
  flush: (session) => session.flush(),
  cycle_key: (session) => session.cycleKey(),
  modified: (session) => {
    session.modified = true
  },
  is_empty: (session) => session.isEmpty(),
  set_expiry: (session, value: number | null) => session.setExpiry(value),
}

const attributes = (cookie: string | null): unknown => cookie?.split('; ').sort() ?? null

/** Two columns of the table through sojourn's own codec, as Django reads them. */
async function middleware(input: MiddlewareInput, expected: MiddlewareExpected): Promise<ReturnType<typeof same>> {
  const clock = (): number => input.time * 1000
  const { engine, database } = sqliteEngine({ secretKey: input.secret, clock })
  const insert = database.prepare('INSERT INTO django_session VALUES (?, ?, ?)')
  if (input.row !== null) {
    const ends = sqliteDate((input.time + input.row.expires_in) * 1000)
    await insert.run(input.row.session_key, input.row.session_data, ends)
  }
  const { SESSION_SAVE_EVERY_REQUEST: every, ...rest } = input.settings
  const keys = [...input.random_keys]
  const site = bareSite({
    engine,
    clock,
    secretKey: input.secret,
    random: () => keys.shift() as string,
    // Where sojourn deliberately does less than Django (T11), Django's own way is asked for.
    SESSION_SAVE_EVERY_REQUEST: every === true ? 'django' : false,
    ...(rest as SettingsInput),
  })
  const header: Record<string, string> =
    input.cookie === null ? {} : { cookie: `${site.settings.sessionCookieName}=${input.cookie}` }
  const scope = Scope.open(site, {}, requestHead(header))
  const response = responseHead(input.status, input.vary_before === null ? {} : { Vary: input.vary_before })
  let error: string | null = null
  try {
    await scope.begin()
    for (const [name, ...given] of input.ops) {
      if (name === 'deleted by another request') await database.prepare('DELETE FROM django_session').run()
      else await ACTS[name]?.(scope.session, ...(given as never[]))
    }
    await scope.finish(response)
  } catch (thrown) {
    error = (thrown as Error).constructor.name
  }
  const rows = await database.prepare('SELECT * FROM django_session ORDER BY session_key').all()
  const found: Record<string, unknown> = {}
  for (const row of rows) {
    const expires = database.toMoment(row.expire_date) as number
    const key = row.session_key as string
    // Read as Django would, whether or not the row is past its end.
    await database.prepare('UPDATE django_session SET expire_date = ?').run(sqliteDate(clock() + 1000))
    const loaded = await engine.load(key)
    found[key] = {
      json: `{${[...(loaded?.cells ?? [])].map(([name, text]) => `${JSON.stringify(name)}:${text}`).join(',')}}`,
      expire_date: isoOfMicros(expires * 1000),
      rewritten: row.session_data !== input.row?.session_data,
    }
  }
  return all(
    same(expected.error, error),
    same(attributes(expected.set_cookie), attributes(response.cookies[0] ?? null)),
    same(error === null ? expected.vary : null, error === null ? (response.get('vary') ?? null) : null),
    same(expected.rows, found),
  )
}

interface ExpiryInput {
  readonly _session_expiry: number | string | null
  readonly time: number
  readonly SESSION_COOKIE_AGE: number
  readonly SESSION_EXPIRE_AT_BROWSER_CLOSE: boolean
}

interface ExpiryExpected {
  readonly get_expiry_age: number
  readonly get_expiry_date: string
  readonly get_expire_at_browser_close: boolean
}

/** A `Date` knows milliseconds only. */
const toMilliseconds = (iso: string): string => iso.replace(/(\.\d{3})\d{3}/, '$1').replace('.000', '')

function expiry(input: ExpiryInput, expected: ExpiryExpected): ReturnType<typeof same> {
  const { _session_expiry: stored, time, ...settings } = input
  const session = bareSite({ ...settings, clock: () => time * 1000 }).sessions.open()
  session.setExpiry(stored)
  return same(
    { ...expected, get_expiry_date: toMilliseconds(expected.get_expiry_date) },
    {
      get_expiry_age: session.getExpiryAge(),
      get_expiry_date: toMilliseconds(isoOfMicros(session.getExpiryDate().getTime() * 1000)),
      get_expire_at_browser_close: session.getExpireAtBrowserClose(),
    },
  )
}

type ExpiryValue = number | null | { readonly timedelta_s: number } | { readonly datetime_iso: string }

function setExpiry(
  input: { readonly value: ExpiryValue; readonly time: number },
  expected: { readonly stored: number | string | null; readonly modified: boolean },
): ReturnType<typeof same> {
  const { value, time } = input
  const session = bareSite({ clock: () => time * 1000 }).sessions.open()
  if (value === null || typeof value === 'number') session.setExpiry(value)
  else if ('datetime_iso' in value) session.setExpiry(value.datetime_iso)
  else session.setExpiry(new Date((time + value.timedelta_s) * 1000))
  return same(expected, { stored: session.get('_session_expiry', null), modified: session.modified })
}

interface FileInput {
  readonly session_key: string
  readonly SESSION_COOKIE_NAME: string
  readonly json: string
  readonly secret: string
  readonly time: number
}

/** The file that the engine makes, and what it finds in Django's. */
async function sessionFile(
  { session_key: key, SESSION_COOKIE_NAME: sessionCookieName, json, secret, time }: FileInput,
  expected: { readonly file_name: string; readonly content: string },
): Promise<ReturnType<typeof same>> {
  const folder = mkdtempSync(join(tmpdir(), 'sojourn-vector-'))
  try {
    const clock = (): number => time * 1000
    const codec = signedCodec({ secretKey: secret, clock })
    const engine = fileEngine({ folder, codec, sessionCookieName, clock })
    const cells = splitObject(json) as Cells
    await engine.create(key, { cells, expires: clock() + 1000 })
    const [file_name = ''] = readdirSync(folder)
    const path = join(folder, file_name)
    const made = { file_name, content: readFileSync(path, 'latin1') }
    writeFileSync(path, expected.content)
    return all(same(expected, made), same([...cells], [...((await engine.load(key))?.cells ?? [])]))
  } finally {
    rmSync(folder, { recursive: true })
  }
}

/** The session's life: what the middleware does with cookie, row and response, and when a session ends. */
export const sessionKinds: Readonly<Record<string, Check>> = {
  middleware: check(middleware),
  expiry: check(expiry),
  set_expiry: check(setExpiry),
  session_file: check(sessionFile),
}
