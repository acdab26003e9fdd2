import { Scope } from '../../../src/core/scope.js'
import type { SettingsInput } from '../../../src/core/settings.js'
import { decodeText, encodeList, encodeText } from '../../../src/messages/encode.js'
import type { Message, StoredMessage } from '../../../src/messages/message.js'
import { messagesPart } from '../../../src/messages/part.js'
import { cookieSigner } from '../../../src/wire/signed-cookie.js'
import { JsonSigner } from '../../../src/wire/signing.js'
import { bareSite, requestHead, responseHead } from '../../support/sites.js'
import { all, type Check, check, same, type Verdict } from '../runner.js'

interface Given {
  readonly level: number
  readonly message: string
  readonly extra_tags: string | null
  readonly safe: boolean
}

interface Flow {
  readonly storage: 'FallbackStorage' | 'CookieStorage' | 'SessionStorage'
  readonly cookie_value: string | null
  readonly session: Readonly<Record<string, string>>
  readonly ops: readonly (
    | readonly ['add', number, string, string]
    | readonly ['level', number]
    | readonly ['read' | 'len']
  )[]
  readonly settings: SettingsInput
  readonly secret: string
  readonly time: number
}

interface FlowExpected {
  readonly seen: readonly unknown[]
  readonly set_cookie: string | null
  readonly session_after: Readonly<Record<string, unknown>>
  readonly not_stored: readonly unknown[]
}

const SALT = 'django.contrib.messages'
const SESSION_KEY = 'abcdefghijklmnopqrstuvwxyz012345'

const stored = ({ extra_tags: extraTags, ...rest }: Given): StoredMessage => ({ ...rest, extraTags })

const shown = ({ level, message, extraTags: extra_tags, tags, safe }: Message): unknown => ({
  level,
  message,
  extra_tags,
  tags,
  safe,
})

/** Two cookies: equal or, where a zlib had its say, both verified with the same JSON and stamp inside. */
function sameCookie(secret: string, expected: string, got: string): Verdict {
  if (!expected.startsWith('.') && !got.startsWith('.')) return same(expected, got)
  const signer = new JsonSigner({ key: `django.http.cookies${secret}`, salt: SALT })
  const opened = (text: string): unknown => [signer.unsign(text) ?? 'does not verify', text.split(':').at(-2)]
  return same(opened(expected), opened(got))
}

function sameSetCookie(secret: string, expected: string | null, got: string | null): Verdict {
  if (expected === null || got === null) return same(expected, got)
  const parts = (line: string): { value: string; attributes: readonly string[] } => {
    const [pair = '', ...attributes] = line.split('; ')
    return { value: pair.replace(/^messages=/, ''), attributes: attributes.sort() }
  }
  const [theirs, ours] = [parts(expected), parts(got)]
  return all(sameCookie(secret, theirs.value, ours.value), same(theirs.attributes, ours.attributes))
}

/** One request up to `BaseStorage.update`, which is where Django was watched. */
async function flow(input: Flow): Promise<FlowExpected> {
  const { storage, secret, time, ops } = input
  const dotted = `django.contrib.messages.storage.${storage.replace('Storage', '').toLowerCase()}.${storage}`
  const site = bareSite({
    secretKey: secret,
    clock: () => time * 1000,
    MESSAGE_STORAGE: dotted,
    ...input.settings,
  } as SettingsInput)
  const part = messagesPart(site.settings)
  const cookies = input.cookie_value === null ? [] : [`messages=${input.cookie_value}`]
  if (Object.keys(input.session).length > 0) {
    const cells = new Map(Object.entries(input.session).map(([key, value]) => [key, JSON.stringify(value)]))
    await site.engine.create(SESSION_KEY, { cells, expires: (time + 1000) * 1000 })
    cookies.push(`sessionid=${SESSION_KEY}`)
  }
  const scope = Scope.open(site, {}, requestHead({ cookie: cookies.join('; ') }))
  await scope.begin()
  const list = part.listOf(scope)
  const seen: unknown[] = []
  for (const [op, ...given] of ops) {
    if (op === 'add') list.add(...(given as [number, string, string]))
    else if (op === 'level') part.setLevel(scope, given[0] as number)
    else seen.push(op === 'len' ? list.length : [...list].map(shown))
  }
  const response = responseHead()
  const unstored = await list.store(response)
  const session_after = Object.fromEntries(scope.state.keys().map((key) => [key, scope.state.get(key)]))
  const not_stored = unstored.map((message) => shown(message as Message))
  return { seen, set_cookie: response.cookies[0] ?? null, session_after, not_stored }
}

export const messageKinds: Readonly<Record<string, Check>> = {
  messages_cookie: check<{ messages: readonly Given[]; secret: string; time: number }, { cookie_value: string }>(
    ({ messages, secret, time }, { cookie_value }) => {
      const signer = cookieSigner({ key: secret, now: () => time * 1000 }, SALT)
      const list = encodeList({ messages: messages.map(stored), complete: true })
      return sameCookie(secret, cookie_value, signer.signObject(list, { compress: true }))
    },
  ),

  messages_read: check<{ cookie_value: string; secret: string }, { messages: readonly unknown[] }>(
    async ({ cookie_value, secret }, { messages }) => {
      const read = {
        storage: 'CookieStorage',
        session: {},
        ops: [['read']],
        settings: {},
        time: 1_700_000_000,
      } as const
      const got = await flow({ ...read, cookie_value, secret })
      return same([messages], got.seen)
    },
  ),

  messages_session: check<{ messages: readonly Given[] }, { stored: string }>(({ messages }, expected) =>
    all(
      same(expected.stored, encodeText(messages.map(stored))),
      same(messages.map(stored), decodeText(expected.stored)?.messages),
    ),
  ),

  messages_flow: check<Flow, FlowExpected>(async (input, { set_cookie, ...expected }) => {
    const { set_cookie: cookie, ...got } = await flow(input)
    return all(sameSetCookie(input.secret, set_cookie, cookie), same(expected, got))
  }),
}
