/**
 * Nanoseconds of single functions and of whole requests without HTTP, on the built package: less noise than a server, for
 * whoever makes one thing faster. Rounds take turns; the best and the median of them are printed.
 *
 *     npm run bench -- --micro [--only REGEX] [--rounds 5] [--ms 50] [--no-build]
 */
import { mkdtempSync, rmSync } from 'node:fs'
import { createRequire } from 'node:module'
import { tmpdir } from 'node:os'
import { dirname, join } from 'node:path'
import { pathToFileURL } from 'node:url'
import { parseArgs } from 'node:util'
import { type SettingsInput, sojourn } from 'sojourn'
import type * as ScopeModule from '../src/core/scope.js'
import type * as Cookies from '../src/wire/cookies.js'
import type * as Crypto from '../src/wire/crypto.js'
import type * as Json from '../src/wire/json.js'
import type * as SetCookie from '../src/wire/set-cookie.js'
import type * as Signing from '../src/wire/signing.js'
import { largeSession, sessionPages, smallSession } from './subjects/pages.js'

const { values: given } = parseArgs({
  options: {
    only: { type: 'string', default: '' },
    rounds: { type: 'string', default: '5' },
    ms: { type: 'string', default: '50' },
  },
})

/** A module of the built package that no subpath leads to. */
const root = dirname(createRequire(import.meta.url).resolve('sojourn/package.json'))
const internal = <Module>(path: string): Promise<Module> =>
  import(pathToFileURL(join(root, 'dist', path)).href) as Promise<Module>

const { Scope } = await internal<typeof ScopeModule>('core/scope.js')
const { encodeJson, joinObject, parseJson, splitObject } = await internal<typeof Json>('wire/json.js')
const { JsonSigner } = await internal<typeof Signing>('wire/signing.js')
const { findCookie } = await internal<typeof Cookies>('wire/cookies.js')
const { setCookie } = await internal<typeof SetCookie>('wire/set-cookie.js')
const { randomString } = await internal<typeof Crypto>('wire/crypto.js')

const folder = mkdtempSync(join(tmpdir(), 'sojourn-micro-'))
const secretKey = 'a secret of the bench, which is longer than fifty characters'

type Operation = () => unknown

const only = new RegExp(given.only, 'i')
const chosen: [string, Operation][] = []

/** Makes an operation, if it is to be timed. */
function define(name: string, make: () => Operation): void {
  if (only.test(name)) chosen.push([name, make()])
}

/** A request and its response without HTTP: the scope as an adapter drives it. Returns the cookies that were set. */
class Visitor {
  readonly site: ReturnType<typeof sojourn>
  cookie: string | undefined
  answer: string | undefined
  readonly head = {
    method: 'GET',
    url: '/',
    encrypted: false,
    header: (name: string): string | undefined => (name === 'cookie' ? this.cookie : undefined),
    formField: (): undefined => undefined,
  }

  constructor(settings: SettingsInput, site = sojourn(settings)) {
    this.site = site
  }

  visit(path: string): string | undefined {
    const scope = Scope.open(this.site, {}, this.head)
    const response = new Response()
    scope.begin()
    this.answer = sessionPages[path]?.(scope.session)
    scope.finish(response)
    return response.cookie
  }

  /** `visit`, after one whose answer was looked at: what is fast because it found nothing must not count. */
  visiting(path: string, right: string): Operation {
    this.visit(path)
    if (this.answer !== right) throw new Error(`${path} answered ${this.answer} instead of ${right}.`)
    return () => this.visit(path)
  }

  /** The same site, as seen by a visitor with a session of this size. */
  with(size: 'small' | 'large'): Visitor {
    const visitor = new Visitor({}, this.site)
    visitor.cookie = this.visit(`/prepare/${size}`)?.split(';')[0]
    return visitor
  }
}

class Response {
  readonly status = 200
  cookie: string | undefined
  readonly #headers = new Map<string, string>()

  get(name: string): string | undefined {
    return this.#headers.get(name)
  }
  set(name: string, value: string): void {
    this.#headers.set(name, value)
  }
  append(_name: string, value: string): void {
    this.cookie = value
  }
}

/** More sessions than any memo of what was read lately holds, taken in turn. */
const MANY = 5000

const sites: Record<string, SettingsInput> = {
  memory: { secretKey, sessionEngine: 'memory' },
  SQLite: { secretKey, sessionEngine: 'db', databases: { default: `sqlite:${join(folder, 'db.sqlite3')}` } },
  'signed cookies': { secretKey, sessionEngine: 'signed_cookies' },
}
for (const [store, settings] of Object.entries(sites)) {
  const anonymous = new Visitor(settings)
  const small = anonymous.with('small')
  define(`request, ${store}: untouched`, () => small.visiting('/untouched', 'ok'))
  define(`request, ${store}: anonymous`, () => anonymous.visiting('/untouched', 'ok'))
  define(`request, ${store}: read`, () => small.visiting('/read', 'john_doe'))
  define(`request, ${store}: write`, () => small.visiting('/write', '1'))
  define(`request, ${store}: create`, () => anonymous.visiting('/create', '1'))
  if (store === 'signed cookies') continue
  define(`request, ${store}: 20 KB read`, () => anonymous.with('large').visiting('/large', 'value 20'))
  define(`request, ${store}: read, ${MANY} sessions`, () => inTurn(anonymous, 'small', '/read', 'john_doe'))
  define(`request, ${store}: 20 KB read, ${MANY} sessions`, () => inTurn(anonymous, 'large', '/large', 'value 20'))
}

function inTurn(anonymous: Visitor, size: 'small' | 'large', path: string, right: string): Operation {
  const visits = Array.from({ length: MANY }, () => anonymous.with(size).visiting(path, right))
  let next = 0
  return () => visits[next++ % MANY]?.()
}

for (const [size, session] of Object.entries({ '0.3 KB': smallSession(), '20 KB': largeSession() })) {
  const json = JSON.stringify(session)
  const cells = splitObject(json) ?? new Map<string, string>()
  const signer = new JsonSigner({ key: secretKey, salt: 'bench', compressFrom: 1024 })
  const signed = signer.sign(json)
  define(`JsonSigner.sign, ${size}`, () => () => signer.sign(json))
  define(`JsonSigner.unsign, ${size}`, () => () => signer.unsign(signed))
  define(`splitObject, ${size}`, () => () => splitObject(json))
  define(`joinObject, ${size}`, () => () => joinObject(cells))
  define(`encodeJson, ${size}`, () => () => encodeJson(session))
  define(`parseJson, ${size}`, () => () => parseJson(json))
  define(`JSON.stringify, ${size}, to compare`, () => () => JSON.stringify(session))
  define(`JSON.parse, ${size}, to compare`, () => () => JSON.parse(json))
}

const key = 'abcdefghijklmnopqrstuvwxyz012345'
const header = `theme=dark; csrftoken=${key}; sessionid=${key}; _ga=GA1.2.1234567890.1234567890`
define('findCookie, third of four', () => () => findCookie(header, 'sessionid'))
define('setCookie, a session', () => () => {
  const expires = Date.now() + 1_209_600_000
  return setCookie('sessionid', key, { path: '/', httpOnly: true, sameSite: 'Lax', maxAge: 1_209_600, expires })
})
define('randomString, a session key', () => () => randomString(32, 'abcdefghijklmnopqrstuvwxyz0123456789'))

const plain = new Visitor(sites.memory as SettingsInput).site
const session = plain.sessions.open() as unknown as Record<string, unknown> & { get(name: string): unknown }
for (const [name, value] of Object.entries(smallSession())) session[name] = value
await (session as unknown as { save(): Promise<void> }).save()
let turn = 0
define('session.username', () => () => session.username)
define("session.get('username')", () => () => session.get('username'))
define('session.cart, nested', () => () => session.cart)
define("'username' in session", () => () => 'username' in session)
define('session.count = i', () => () => {
  session.count = turn++
})

/** Results go here, so that no call can be left out as useless. */
let sink: unknown
/** Times an operation for about `ms`; nanoseconds for one call. */
function time(operation: Operation, ms: number): number {
  const start = performance.now()
  let calls = 0
  let elapsed = 0
  while (elapsed < ms) {
    for (let i = 0; i < 64; i++) sink = operation()
    calls += 64
    elapsed = performance.now() - start
  }
  return (elapsed / calls) * 1e6
}

const ms = Number(given.ms)
const times = new Map(chosen.map(([name]) => [name, [] as number[]]))
for (const [, operation] of chosen) time(operation, ms)
for (let round = 0; round < Number(given.rounds); round++) {
  for (const [name, operation] of chosen) times.get(name)?.push(time(operation, ms))
}
console.log(`${'ns'.padEnd(40)}${'best'.padStart(10)}${'median'.padStart(10)}`)
for (const [name, found] of times) {
  const sorted = found.toSorted((a, b) => a - b)
  const median = sorted[Math.floor(sorted.length / 2)] ?? Number.NaN
  const column = (value = Number.NaN): string => (value < 100 ? value.toFixed(1) : value.toFixed(0)).padStart(10)
  console.log(`${name.padEnd(40)}${column(sorted[0])}${column(median)}`)
}
if (sink === times) console.log()
rmSync(folder, { recursive: true, force: true })
