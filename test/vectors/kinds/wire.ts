import { BadSignature, SignatureExpired } from '../../../src/errors.js'
import type { Algorithm } from '../../../src/wire/algorithm.js'
import { decode36, decode62, encode36, encode62 } from '../../../src/wire/base.js'
import { findCookie, parseCookies } from '../../../src/wire/cookies.js'
import { saltedHmac } from '../../../src/wire/crypto.js'
import { httpDate, msOfSqliteDate, sqliteDate } from '../../../src/wire/dates.js'
import { encodeJson, joinObject, parseJson, splitObject } from '../../../src/wire/json.js'
import { setCookie } from '../../../src/wire/set-cookie.js'
import { signCookieValue, unsignCookieValue } from '../../../src/wire/signed-cookie.js'
import { dumps, JsonSigner, loads, packBody, Signer, TimestampSigner } from '../../../src/wire/signing.js'
import { patchVary } from '../../../src/wire/vary.js'
import { all, type Check, check, same, type Verdict } from '../runner.js'

const SESSION_SALT = 'django.contrib.sessions.SessionStore'
const COOKIE_ENGINE_SALT = 'django.contrib.sessions.backends.signed_cookies'
/** A day on which all vectors with a limit of age but without a time of their own are young enough. */
const FROZEN = 1_700_000_000

const at = (seconds: number) => (): number => seconds * 1000

/** Two signed texts: equal or, where a zlib had its say, both ours to open and with the same JSON and stamp inside. */
function sameSigned(signer: JsonSigner, json: string, expected: string, got: string): Verdict {
  if (!expected.startsWith('.') && !got.startsWith('.')) return same(expected, got)
  const stamp = (text: string): string | undefined => text.split(':').at(-2)
  return all(
    same([json, stamp(expected)], [signer.unsign(expected), stamp(expected)]),
    same([json, stamp(expected)], [signer.unsign(got), stamp(got)]),
  )
}

/** What the signed text of a session holds, `{}` for what must be refused. Objects go through cells, as sessions do. */
function decodeSession(signer: JsonSigner, text: string, maxAge?: number): string {
  const json = signer.unsign(text, maxAge)
  if (json === null) return '{}'
  const cells = splitObject(json)
  if (cells !== null) return joinObject(cells)
  try {
    return encodeJson(parseJson(json), json)
  } catch {
    return '{}'
  }
}

function encodeSession(signer: JsonSigner, json: string): string {
  return signer.sign(joinObject(splitObject(json)!))
}

/** The name of what `action` throws, `null` if nothing. Django's several errors for good signatures over rubbish are one here. */
function errorOf(action: () => unknown): string | null {
  try {
    action()
    return null
  } catch (error) {
    if (error instanceof SignatureExpired) return 'SignatureExpired'
    return error instanceof BadSignature ? 'BadSignature' : `thrown: ${error}`
  }
}

function sameError(expected: string | null, got: string | null): Verdict {
  return same(expected === null || expected === 'SignatureExpired' ? expected : 'BadSignature', got)
}

interface SignerInput {
  readonly key: string
  readonly salt: string | null
  readonly sep: string
  readonly value: string
  readonly time?: number
}

interface SessionInput {
  readonly json: string
  readonly secret: string
  readonly time: number
}

export const wire: Readonly<Record<string, Check>> = {
  base62: check<{ number: string }, { text: string }>(({ number }, { text }) =>
    all(
      same(text, encode62(BigInt(number))),
      same(text, encode62(Number(number))),
      same(Number(number), decode62(text)),
    ),
  ),

  base36: check<{ number: string }, { text: string }>(({ number }, { text }) =>
    all(same(text, encode36(BigInt(number))), same(BigInt(number), decode36(text))),
  ),

  salted_hmac: check<{ salt: string; value: string; secret: string; algorithm: Algorithm }, { hex: string }>(
    ({ salt, value, secret, algorithm }, { hex }) =>
      same(hex, saltedHmac(salt, value, secret, algorithm).toString('hex')),
  ),

  signer: check<SignerInput, { signed: string; salt_used: string }>(
    ({ key, salt, sep, value }, { signed, salt_used }) => {
      const signer = new Signer({ key, salt: salt ?? '', sep })
      const named = new Signer({ key, salt: salt_used, sep })
      return all(same(signed, signer.sign(value)), same(signed, named.sign(value)), same(value, signer.unsign(signed)))
    },
  ),

  timestamp_signer: check<SignerInput, { signed: string; salt_used: string }>(
    ({ key, salt, sep, value, time = FROZEN }, { signed, salt_used }) => {
      const signer = new TimestampSigner({ key, salt: salt ?? '', sep, now: at(time) })
      const named = new TimestampSigner({ key, salt: salt_used, sep, now: at(time) })
      return all(same(signed, signer.sign(value)), same(signed, named.sign(value)), same(value, signer.unsign(signed)))
    },
  ),

  separator: check<{ sep: string }, { allowed: boolean }>(({ sep }, { allowed }) => {
    try {
      new Signer({ key: 'secret', sep })
      return same(allowed, true)
    } catch {
      return same(allowed, false)
    }
  }),

  dumps: check<{ json: string; key: string; salt: string; compress: boolean; time: number }, { text: string }>(
    ({ json, key, salt, compress, time }, { text }) => {
      const now = at(time)
      const value = parseJson(json)
      const written = encodeJson(value, json)
      const opener = new JsonSigner({ key, salt, now })
      const signer = new TimestampSigner({ key, salt, now })
      return all(
        sameSigned(opener, json, text, signer.sign(packBody(written, compress))),
        // What JavaScript's numbers can say, `dumps` itself says the same way.
        encodeJson(value) === json
          ? sameSigned(opener, json, text, dumps(value, { key, salt, now, compress }))
          : 'pass',
        same(value, loads(text, { key, salt, now })),
      )
    },
  ),

  loads: check<{ text: string; key: string; salt: string }, { error: string | null; json: string | null }>(
    ({ text, key, salt }, { error, json }) =>
      all(
        sameError(
          error,
          errorOf(() => loads(text, { key, salt })),
        ),
        error === null ? same(json, encodeJson(loads(text, { key, salt }))) : 'pass',
      ),
  ),

  max_age: check<
    { text: string; key: string; salt: string; max_age: number | null; time: number },
    { error: string | null }
  >(({ text, key, salt, max_age, time }, { error }) =>
    sameError(
      error,
      errorOf(() => loads(text, { key, salt, maxAge: max_age ?? undefined, now: at(time) })),
    ),
  ),

  fallbacks: check<
    { text: string; salt: string; secret: string; fallbacks: readonly string[]; json: string; time: number },
    { error: string | null; signed_now: string }
  >(({ text, salt, secret, fallbacks, json, time }, { error, signed_now }) => {
    const options = { key: secret, fallbackKeys: fallbacks, salt, now: at(time) }
    return all(
      sameError(
        error,
        errorOf(() => loads(text, options)),
      ),
      same(error === null ? json : null, new JsonSigner(options).unsign(text)),
      same(signed_now, dumps(parseJson(json), options)),
    )
  }),

  signed_cookie: check<
    { secret: string; name: string; salt: string; value: string; time: number },
    { cookie_value: string }
  >(({ secret, name, salt, value, time }, { cookie_value }) => {
    const options = { key: secret, salt, now: at(time) }
    return all(
      same(cookie_value, signCookieValue(name, value, options)),
      same(value, unsignCookieValue(name, cookie_value, options)),
    )
  }),

  session_encode: check<SessionInput, { session_data: string; salt: string; json_after: string }>(
    ({ json, secret, time }, { session_data, salt, json_after }) => {
      const signer = new JsonSigner({ key: secret, salt: SESSION_SALT, now: at(time) })
      return all(
        same(salt, SESSION_SALT),
        same(json_after, decodeSession(signer, session_data)),
        sameSigned(signer, json_after, session_data, encodeSession(signer, json)),
      )
    },
  ),

  session_decode: check<{ session_data: string; secret: string }, { json: string }>(
    ({ session_data, secret }, { json }) =>
      same(json, decodeSession(new JsonSigner({ key: secret, salt: SESSION_SALT }), session_data)),
  ),

  signed_cookies: check<SessionInput, { cookie_value: string; salt: string }>(
    ({ json, secret, time }, { cookie_value, salt }) => {
      const signer = new JsonSigner({ key: secret, salt: COOKIE_ENGINE_SALT, now: at(time) })
      return all(
        same(salt, COOKIE_ENGINE_SALT),
        sameSigned(signer, json, cookie_value, encodeSession(signer, json)),
        same(json, decodeSession(signer, cookie_value)),
      )
    },
  ),

  signed_cookies_age: check<
    { cookie_value: string; secret: string; time: number; SESSION_COOKIE_AGE: number },
    { json: string }
  >(({ cookie_value, secret, time, SESSION_COOKIE_AGE }, { json }) => {
    const signer = new JsonSigner({ key: secret, salt: COOKIE_ENGINE_SALT, now: at(time) })
    return same(json, decodeSession(signer, cookie_value, SESSION_COOKIE_AGE))
  }),

  sqlite_row: check<
    SessionInput & { readonly USE_TZ: boolean; readonly TIME_ZONE: string; readonly SESSION_COOKIE_AGE: number },
    { session_data: string; expire_date: string }
  >(({ json, secret, time, USE_TZ, TIME_ZONE, SESSION_COOKIE_AGE }, { session_data, expire_date }) => {
    const signer = new JsonSigner({ key: secret, salt: SESSION_SALT, now: at(time) })
    const zone = USE_TZ ? undefined : TIME_ZONE
    const expires = (time + SESSION_COOKIE_AGE) * 1000
    return all(
      sameSigned(signer, json, session_data, encodeSession(signer, json)),
      same(expire_date, sqliteDate(expires, zone)),
      same(expires, msOfSqliteDate(expire_date, zone)),
    )
  }),

  parse_cookie: check<{ header: string }, { cookies: Readonly<Record<string, string>> }>(({ header }, { cookies }) =>
    all(
      same(cookies, { ...parseCookies(header) }),
      ...Object.entries(cookies).map(([name, value]) =>
        same(name === '' ? undefined : value, findCookie(header, name)),
      ),
    ),
  ),

  set_cookie_value: check<{ value: string }, { header: string }>(({ value }, { header }) =>
    same(header, setCookie('c', value, { path: '/' })),
  ),

  http_date: check<{ time: number }, { text: string }>(({ time }, { text }) => same(text, httpDate(time))),

  vary: check<{ before: string | null; add: readonly string[] }, { after: string }>(({ before, add }, { after }) =>
    same(after, patchVary(before ?? undefined, add)),
  ),
}
