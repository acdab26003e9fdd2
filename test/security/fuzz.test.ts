import { inspect } from 'node:util'
import fc from 'fast-check'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { getMessages, getToken, getUser, messages } from '../../src/adapters/api.js'
import { Scope } from '../../src/core/scope.js'
import type { SettingsInput } from '../../src/core/settings.js'
import type { Site } from '../../src/core/site.js'
import type { Database } from '../../src/databases/database.js'
import { SojournError } from '../../src/errors.js'
import { sojourn } from '../../src/sojourn.js'
import { randomString } from '../../src/wire/crypto.js'
import { JsonSigner, TimestampSigner } from '../../src/wire/signing.js'
import { requestHead, responseHead, SECRET } from '../support/sites.js'
import { hostileKey, jsonValue } from '../wire/arbitraries.js'
import { live, memoryDatabase, raw } from './live.js'

/** Fixed, and printed with each kind, so that a failure can be had again. */
const SEED = 20_260_101
const unhandled: unknown[] = []
const printed: string[] = []
const note = (reason: unknown): void => void unhandled.push(reason)
const { error: consoleError, warn: consoleWarn } = console

beforeAll(() => {
  process.on('unhandledRejection', note)
  console.error = (...words) => void printed.push(inspect(words))
  console.warn = (...words) => void printed.push(inspect(words))
})

afterAll(() => {
  process.off('unhandledRejection', note)
  Object.assign(console, { error: consoleError, warn: consoleWarn })
})

interface Fuzzed {
  readonly site: Site
  readonly database: Database
  /** Every session key that was ever issued. */
  readonly keys: Set<string>
}

function fuzzedSite(settings: SettingsInput = {}): Fuzzed {
  const database = memoryDatabase()
  const keys = new Set<string>()
  const site = sojourn({
    secretKey: SECRET,
    databases: { default: database },
    debug: true,
    random: (length: number, alphabet: string) => {
      const text = randomString(length, alphabet)
      if (!alphabet.includes('A')) keys.add(text)
      return text
    },
    ...settings,
  } as SettingsInput)
  return { site, database, keys }
}

/** One request in process; all that a visitor, a log or a developer would see of it, and the errors there were. */
async function visit(
  site: Site,
  headers: Readonly<Record<string, string>>,
  rest: Parameters<typeof requestHead>[1],
  handler: (request: object, scope: Scope) => unknown,
): Promise<{ shown: string; errors: unknown[]; key: string | null }> {
  const request = {}
  const scope = Scope.open(site, request, requestHead(headers, rest))
  const response = responseHead()
  const shown: string[] = []
  const errors: unknown[] = []
  try {
    const refused = await scope.begin()
    if (refused === undefined) await handler(request, scope)
    else shown.push(refused.body, JSON.stringify(refused.headers))
    shown.push(inspect(scope.session), JSON.stringify(scope.session))
  } catch (error) {
    errors.push(error)
  }
  try {
    await scope.finish(response)
  } catch (error) {
    errors.push(error)
  }
  const heads = response.cookies.map((line) => line.replace(/^sessionid=[^;]*/, ''))
  shown.push(...heads, ...[...response.headers].flat(), ...errors.map((error) => inspect(error)))
  return { shown: shown.join('\n'), errors, key: scope.state.key }
}

function judge({ shown, errors, key }: Awaited<ReturnType<typeof visit>>, keys: Iterable<string>): void {
  for (const error of errors) {
    if (!(error instanceof SojournError) || error.status >= 500) throw error
  }
  for (const issued of [...keys, key ?? '']) {
    if (issued !== '' && shown.includes(issued)) throw new Error('a session key was shown')
  }
}

async function fuzz<T>(kind: string, runs: number, input: fc.Arbitrary<T>, attempt: (given: T) => Promise<void>) {
  process.stdout.write(`fuzz: ${runs} ${kind}, seed ${SEED}\n`)
  await fc.assert(fc.asyncProperty(input, attempt), { numRuns: runs, seed: SEED, endOnFailure: true })
  expect(unhandled).toEqual([])
}

/** What a handler may do with a session; `step` chooses. */
function use(request: object, { session }: Scope, step: number): unknown {
  void [...session]
  if (step === 1) session.set('colour', 'red')
  if (step === 2) return session.cycleKey()
  if (step === 3) return session.flush()
  if (step === 4) session.setExpiry(60)
  if (step === 5) messages.info(request, 'saved')
  if (step === 6) return getUser(request)
  if (step === 7) return [...getMessages(request)]
  return [getToken(request), session.getExpiryAge()]
}

const step = fc.nat({ max: 8 })
const bytes = fc.string({ unit: fc.nat({ max: 255 }).map((code) => String.fromCharCode(code)), maxLength: 80 })
/** A genuine text with something cut out of it and something else put in. */
const torn = fc.record({ at: fc.nat({ max: 300 }), cut: fc.nat({ max: 8 }), put: fc.oneof(fc.constant(''), bytes) })
const tear = (text: string, { at, cut, put }: { at: number; cut: number; put: string }): string => {
  const from = at % (text.length + 1)
  return text.slice(0, from) + put + text.slice(from + cut)
}

test('30,000 hostile cookie headers, with sessions in the table', async () => {
  const { site, keys } = fuzzedSite()
  const name = fc.constantFrom(
    'sessionid',
    'csrftoken',
    'messages',
    ' sessionid',
    'SESSIONID',
    '',
    '__proto__',
    '$Version',
  )
  const cookie = fc.tuple(name, fc.constantFrom('=', ' = ', '', '=="'), fc.oneof(bytes, torn))
  const input = fc.tuple(fc.array(cookie, { maxLength: 4 }), fc.constantFrom('; ', ';', ',', '\t'), step)
  await fuzz('hostile cookie headers', 30_000, input, async ([cookies, between, doing]) => {
    keys.clear()
    const session = site.sessions.open()
    session.set('name', 'somebody')
    await session.save()
    const real = session.sessionKey as string
    // Under another name the key would be the visitor's own doing: a text that looks like one.
    const other = [...real].reverse().join('')
    const header = cookies.map(
      ([name, equals, value]) =>
        name + equals + (typeof value === 'string' ? value : tear(/session/i.test(name) ? real : other, value)),
    )
    judge(await visit(site, { cookie: header.join(between) }, {}, (request, scope) => use(request, scope, doing)), keys)
  })
  await site.close()
})

test('20,000 hostile signed cookies', async () => {
  const { site } = fuzzedSite({ sessionEngine: 'signed_cookies' })
  const signer = new JsonSigner({ key: SECRET, salt: 'django.contrib.sessions.backends.signed_cookies' })
  const ours = fc
    .array(fc.tuple(hostileKey, jsonValue), { maxLength: 3 })
    .map((pairs) => JSON.stringify(Object.fromEntries(pairs)))
  const json = fc.oneof(
    ours,
    jsonValue.map((value) => JSON.stringify(value)),
    bytes,
    fc.constant('['.repeat(3000)),
  )
  const input = fc.tuple(json, fc.option(torn, { nil: undefined }), step)
  await fuzz('hostile signed cookies', 20_000, input, async ([text, how, doing]) => {
    const signed = signer.sign(text)
    const value = how === undefined ? signed : tear(signed, how)
    const seen = await visit(site, { cookie: `sessionid=${value}` }, {}, (request, scope) => use(request, scope, doing))
    // A cookie that is data is too long only where our own addition makes it so; then nothing is sent.
    const errors = seen.errors.filter((error) => (error as SojournError).code !== 'cookie_too_large')
    judge({ ...seen, errors }, [])
  })
  await site.close()
})

test.each([false, true])('10,000 hostile forms (csrfUseSessions %s)', async (csrfUseSessions) => {
  const { site, keys } = fuzzedSite({ csrfUseSessions, csrfTrustedOrigins: ['https://*.example.com'] })
  const secret = 'J3wdHISpM5Jeyt1gzzqsRFtLDKVK5jaW'
  const field = (...values: readonly string[]) =>
    fc.option(fc.oneof(fc.constantFrom(...values), bytes), { nil: undefined })
  const token = fc.option(
    fc.oneof(
      torn.map((how) => tear(secret, how)),
      bytes,
    ),
    { nil: undefined },
  )
  const input = fc.record({
    method: fc.constantFrom('POST', 'PUT', 'DELETE', 'post', '', 'PATCH\n'),
    encrypted: fc.boolean(),
    origin: field(
      'null',
      'https://example.com',
      'https://a.example.com',
      '//',
      'https://[::1',
      'https://example.com\n',
    ),
    referer: field('https://example.com/x', 'https://[', 'http://example.com', 'https://a@b/', 'javascript:1'),
    host: field('example.com', '[::1]', 'a..b', 'example.com:99999', ''),
    fetchSite: field('same-origin', 'none', 'cross-site', 'same-site'),
    cookie: token,
    form: token,
    header: token,
  })
  await fuzz('hostile forms', 10_000, input, async (given) => {
    keys.clear()
    const session = site.sessions.open()
    session.set('name', 'somebody')
    await session.save()
    const headers = Object.fromEntries(
      Object.entries({
        cookie: `sessionid=${session.sessionKey}; csrftoken=${given.cookie ?? ''}`,
        origin: given.origin,
        referer: given.referer,
        host: given.host,
        'sec-fetch-site': given.fetchSite,
        'x-csrftoken': given.header,
      }).filter((pair): pair is [string, string] => pair[1] !== undefined),
    )
    const form = given.form === undefined ? undefined : { csrfmiddlewaretoken: given.form }
    judge(await visit(site, headers, { ...given, form }, () => undefined), keys)
  })
  await site.close()
})

test('10,000 hostile messages cookies', async () => {
  const { site, keys } = fuzzedSite()
  const signer = new TimestampSigner({ key: SECRET, salt: 'django.contrib.messages' })
  const message = fc.tuple(
    fc.constantFrom<unknown>('__json_message', 1, null),
    jsonValue,
    jsonValue,
    jsonValue,
    jsonValue,
  )
  const list = fc.oneof(jsonValue, fc.array(fc.oneof(message, jsonValue), { maxLength: 4 }))
  await fuzz(
    'hostile messages cookies',
    10_000,
    fc.tuple(list, fc.option(torn, { nil: undefined })),
    async ([value, how]) => {
      const signed = signer.signObject(value, { compress: true })
      const cookie = `messages=${how === undefined ? signed : tear(signed, how)}`
      const seen = await visit(site, { cookie }, {}, (request) => {
        messages.warning(request, 'more')
        return JSON.stringify(getMessages(request))
      })
      judge(seen, keys)
    },
  )
  await site.close()
})

test('20,000 hostile rows in the table', async () => {
  const { site, database, keys } = fuzzedSite()
  const signer = new JsonSigner({ key: SECRET, salt: 'django.contrib.sessions.SessionStore' })
  const key = 'k'.repeat(32)
  const insert = database.prepare(
    'REPLACE INTO django_session (session_key, session_data, expire_date) VALUES (?, ?, ?)',
  )
  const own = fc.constantFrom(
    '_auth_user_id',
    '_auth_user_backend',
    '_auth_user_hash',
    '_csrftoken',
    '_messages',
    '_session_expiry',
  )
  const pairs = fc.array(fc.tuple(fc.oneof(own, hostileKey), jsonValue), { maxLength: 4 })
  const json = fc.oneof(
    pairs.map((each) => JSON.stringify(Object.fromEntries(each))),
    jsonValue.map((value) => JSON.stringify(value)),
    bytes,
  )
  await fuzz(
    'hostile rows',
    20_000,
    fc.tuple(json, fc.option(torn, { nil: undefined }), step),
    async ([text, how, doing]) => {
      const signed = signer.sign(text)
      insert.run(key, how === undefined ? signed : tear(signed, how), '2999-01-01 00:00:00')
      judge(await visit(site, { cookie: `sessionid=${key}` }, {}, (request, scope) => use(request, scope, doing)), [
        key,
        ...keys,
      ])
      keys.clear()
    },
  )
  await site.close()
})

test('10,000 raw requests to one server: no crash, no status of 500 or more, no key', async () => {
  await using site = await live('node', {}, (request, response) => {
    request.session.set('seen', Number(request.session.get('seen', 0)) + 1)
    const token = getToken(request)
    response.end(token)
  })
  const session = site.site.sessions.open()
  session.set('name', 'somebody')
  await session.save()
  const key = session.sessionKey as string
  const line = fc.oneof(
    fc.constantFrom(
      `Cookie: sessionid=${key}`,
      'Cookie: sessionid=""',
      'Cookie: csrftoken=x; csrftoken=y',
      `Cookie: sessionid=${key}\r\n ; folded=1`,
      'Cookie',
      'Cookie : a=b',
      'Content-Length: 5',
      'Content-Length: -1',
      'Content-Length: 5, 6',
      'Transfer-Encoding: chunked',
      'Transfer-Encoding: chunked, identity',
      'Content-Type: application/x-www-form-urlencoded',
      'Content-Type: multipart/form-data',
      'Expect: 100-continue',
      'Host: a',
      'Origin: null',
      'Upgrade: h2c',
    ),
    bytes.map((text) => `Cookie: sessionid=${text}`),
    bytes.map((text) => `Cookie: ${text}`),
    bytes,
  )
  const start = fc.oneof(
    {
      arbitrary: fc.constantFrom('GET / HTTP/1.1', 'POST / HTTP/1.1', 'GET //a@b/ HTTP/1.0', 'PUT * HTTP/1.1'),
      weight: 6,
    },
    { arbitrary: fc.constantFrom('GET / HTTP/9.9', 'get / HTTP/1.1', 'GET /\0 HTTP/1.1', ''), weight: 1 },
    { arbitrary: bytes, weight: 1 },
  )
  const body = fc.constantFrom('', 'a=b&c', '5\r\nhello\r\n0\r\n\r\n', 'zz\r\n', 'csrfmiddlewaretoken=x')
  const request = fc
    .tuple(start, fc.array(line, { maxLength: 5 }), fc.constantFrom('\r\n', '\n', '\r\n', '\r\n'), body)
    .map(([first, lines, end, last]) => [first, 'Host: a', 'Connection: close', ...lines, '', last].join(end))
  process.stdout.write(`fuzz: 10000 raw requests, seed ${SEED}\n`)
  const requests = fc.sample(request, { numRuns: 10_000, seed: SEED })
  const statuses = new Map<string, number>()
  let next = 0
  const worker = async (): Promise<void> => {
    while (next < requests.length) {
      const answer = await raw(site.origin, requests[next++] as string, true)
      for (const [, status] of answer.matchAll(/HTTP\/1\.1 (\d+)/g)) {
        statuses.set(status as string, (statuses.get(status as string) ?? 0) + 1)
        if (Number(status) >= 500) throw new Error(`${status} for ${JSON.stringify(requests[next - 1])}`)
      }
      const elsewhere = answer.replace(/^Set-Cookie: sessionid=.*$/gm, '')
      if (elsewhere.includes(key)) throw new Error('a session key was shown')
    }
  }
  await Promise.all(Array.from({ length: 16 }, worker))
  expect(unhandled).toEqual([])
  expect(statuses.get('200')).toBeGreaterThan(500)
  expect(statuses.get('400')).toBeGreaterThan(500)
  expect(statuses.get('403')).toBeGreaterThan(100)
  const visitor = site.visitor()
  expect((await visitor.get('/')).status).toBe(200)
}, 60_000)

test('nothing that was printed meanwhile shows a key', () => {
  expect(printed.filter((text) => /\b[a-z0-9]{32}\b/.test(text))).toEqual([])
})
