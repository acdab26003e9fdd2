import { isSameDomain } from '../../../src/core/host.js'
import { Scope } from '../../../src/core/scope.js'
import type { SettingsInput } from '../../../src/core/settings.js'
import { resolveSettings } from '../../../src/core/settings-input.js'
import { Site } from '../../../src/core/site.js'
import type { PlainResponse } from '../../../src/core/types.js'
import { csrfExempt, getToken, rotateToken } from '../../../src/csrf/index.js'
import { csrfPart } from '../../../src/csrf/part.js'
import { CSRF_ALPHABET, maskSecret, SECRET_LENGTH, TOKEN_LENGTH, unmaskToken } from '../../../src/csrf/token.js'
import { memoryEngine } from '../../../src/engines/memory.js'
import { DisallowedHost } from '../../../src/errors.js'
import { groupOf } from '../../../src/wire/link-names.js'
import { requestHead, responseHead } from '../../support/sites.js'
import { all, type Check, check, same } from '../runner.js'

interface RequestInput {
  readonly settings: SettingsInput & {
    readonly CSRF_COOKIE_NAME?: string
    readonly CSRF_USE_SESSIONS?: boolean
    readonly ALLOWED_HOSTS?: readonly string[]
  }
  readonly time: number
  readonly method: string
  readonly secure: boolean
  readonly host: string
  readonly headers: Readonly<Record<string, string>>
  readonly cookie: string | null
  readonly form_token: string | null
  readonly session_token: string | null
  readonly exempt: boolean
  readonly view_asks_for_token: boolean
  readonly view_rotates: boolean
  readonly random: readonly string[]
}

interface RequestExpected {
  readonly accepted: boolean
  readonly reason: string | null
  readonly error: string | null
  readonly set_cookie: string | null
  readonly vary: string | null
  readonly session_after: Readonly<Record<string, unknown>> | null
}

const SESSION_KEY = 'abcdefghijklmnopqrstuvwxyz012345'

/** Django was asked without its common middleware, which looks at the host before all else, as a scope does. */
async function begun(scope: Scope): Promise<PlainResponse | undefined> {
  try {
    return await scope.begin()
  } catch (error) {
    if (error instanceof DisallowedHost) return scope.processView()
    throw error
  }
}

/** One request and its view, through a real site. */
async function answer(input: RequestInput): Promise<RequestExpected> {
  const drawn = [...input.random]
  const settings = resolveSettings({
    secretKey: 'secret',
    csrfCookieSecure: input.settings.CSRF_COOKIE_SECURE === undefined ? false : undefined,
    ...input.settings,
    clock: () => input.time * 1000,
    random: () => drawn.shift() ?? 'more was drawn than Django drew',
  })
  const engine = memoryEngine({ clock: settings.clock })
  const random = (): string => SESSION_KEY.split('').reverse().join('')
  const site = new Site(settings, { engine, parts: [csrfPart(settings)], random, groupOf, close: () => undefined })
  let reason: string | null = null
  site.on('csrf_failed', (event) => {
    reason = event.reason
  })

  const cookies: string[] = []
  if (input.cookie !== null) cookies.push(`${settings.csrfCookieName}=${input.cookie}`)
  if (input.session_token !== null) {
    cookies.push(`sessionid=${SESSION_KEY}`)
    const cells = new Map([['_csrftoken', JSON.stringify(input.session_token)]])
    await engine.create(SESSION_KEY, { cells, expires: (input.time + 1000) * 1000 })
  }
  const headers = Object.fromEntries(Object.entries(input.headers).map(([name, value]) => [name.toLowerCase(), value]))
  headers.host = input.host
  if (cookies.length > 0) headers.cookie = cookies.join('; ')
  const form = input.form_token === null ? undefined : { csrfmiddlewaretoken: input.form_token }

  const request = {}
  if (input.exempt) csrfExempt(request)
  const head = requestHead(headers, { method: input.method, url: '/form', encrypted: input.secure, form })
  const scope = Scope.open(site, request, head)
  const refused = await begun(scope)
  if (refused === undefined && input.view_asks_for_token) getToken(request)
  if (refused === undefined && input.view_rotates) rotateToken(request)
  const response = responseHead(refused?.status)
  await scope.finish(response)
  if (drawn.length > 0) throw new Error('Django drew more than was drawn')

  const beginning = `${settings.csrfCookieName}=`
  return {
    accepted: refused === undefined,
    reason,
    error: null,
    set_cookie: response.cookies.find((line) => line.startsWith(beginning)) ?? null,
    // Django was asked without its session middleware, which varies by the cookie as ours does.
    vary: settings.csrfUseSessions ? null : (response.get('Vary') ?? null),
    session_after: Object.fromEntries(scope.state.keys().map((key) => [key, scope.state.get(key)])),
  }
}

export const csrfKinds: Readonly<Record<string, Check>> = {
  csrf_alphabet: check<unknown, unknown>((_, expected) =>
    same(expected, { chars: CSRF_ALPHABET, secret_length: SECRET_LENGTH, token_length: TOKEN_LENGTH }),
  ),

  csrf_mask: check<{ secret: string; mask: string }, { token: string }>(({ secret, mask }, { token }) =>
    all(same(token, maskSecret(secret, mask)), same(secret, unmaskToken(token))),
  ),

  same_domain: check<{ host: string; pattern: string }, { same: boolean }>(({ host, pattern }, expected) =>
    same(expected.same, isSameDomain(host, pattern)),
  ),

  csrf_request: check<RequestInput, RequestExpected>(async (input, expected) => {
    if (expected.error === 'ImproperlyConfigured') {
      // A Django site without sessions. Every site of sojourn has them, so the form is refused for want of a secret.
      const { accepted, reason } = await answer({ ...input, session_token: null })
      return same({ accepted: expected.accepted, reason: 'CSRF cookie not set.' }, { accepted, reason })
    }
    return same(expected, await answer(input))
  }),
}
