import { findScope, type Scope, scopeOf } from '../core/scope.js'
import { MessageFailure, SessionValueError } from '../errors.js'
import { LEVELS, type Message, type SafeText } from './message.js'
import type { MessagesPart } from './part.js'

export { type Message, type SafeText, safe } from './message.js'

/** What may be said about a message besides its level and text. */
export interface MessageOptions {
  /** More tags, for the page that shows it: `'sticky'`. */
  readonly extraTags?: string | null
  /** Do nothing, rather than throw, where messages are switched off or there is no middleware. */
  readonly failSilently?: boolean
}

/** The messages of a request. Iterating marks all as read, and the response forgets them; `length` marks none. */
export interface Messages extends Iterable<Message> {
  readonly length: number
}

type Say = (request: object, text: string | SafeText, options?: MessageOptions) => void

function at(level: number): Say {
  return (request, text, options) => add(request, level, text, options)
}

function add(request: object, level: number, text: string | SafeText, options: MessageOptions = {}): void {
  const { extraTags = '', failSilently = false } = options
  if (text === undefined || text === null)
    throw new SessionValueError('A message needs a text: messages.success(request, text).')
  const scope = failSilently ? findScope(request) : scopeOf(request)
  const part = scope && partOf(scope)
  if (part) part.listOf(scope).add(level, text, extraTags)
  else if (!failSilently) throw new MessageFailure()
}

function getLevel(request: object): number {
  const scope = scopeOf(request)
  return partOf(scope)?.levelOf(scope) ?? scope.site.settings.messageLevel
}

function setLevel(request: object, level: number | null): boolean {
  const scope = scopeOf(request)
  const part = partOf(scope)
  part?.setLevel(scope, level)
  return part !== undefined
}

/**
 * One-time notes for the visitor's next page. Mirrors `django.contrib.messages`: `debug`, `info`, `success`, `warning` and
 * `error`, and `add` for any level. An empty text, or a level below the setting `messageLevel`, is dropped. `getLevel` and
 * `setLevel` are about this request only; `null` is the setting's level again, and `setLevel` is false where messages are
 * switched off.
 *
 * Throws `NoScope` without the middleware, `MessageFailure` where messages are switched off, `SessionSealed` once the
 * response has begun.
 *
 * @example
 * ```ts
 * import express from 'express'
 * import { getMessages, messages, sojourn } from 'sojourn/express'
 *
 * const app = express()
 * app.use(sojourn({ secretKey: 'a long random text', sessionEngine: 'memory' }))
 * app.get('/save', (req, res) => {
 *   messages.success(req, 'Your profile was saved.', { extraTags: 'sticky' })
 *   res.redirect('/')
 * })
 * app.get('/', (req, res) => {
 *   res.json([...getMessages(req)].map(({ tags, message }) => `${tags}: ${message}`)) // ["sticky success: Your..."]
 * })
 * ```
 */
export const messages = {
  ...LEVELS,
  debug: at(LEVELS.DEBUG),
  info: at(LEVELS.INFO),
  success: at(LEVELS.SUCCESS),
  warning: at(LEVELS.WARNING),
  error: at(LEVELS.ERROR),
  add,
  getLevel,
  setLevel,
} as const

/**
 * What there is to show to the visitor. Mirrors `get_messages`: empty where messages are switched off. Throws `NoScope`
 * without the middleware.
 *
 * Most messages are in a cookie. Those that had no room in it, and all with `messageStorage: 'session'`, are in the session:
 * with `sessionPrefetch: false` and an engine over the network, `await getSession(request)` first, or looking at
 * them throws `SessionNotLoaded`.
 */
export function getMessages(request: object): Messages {
  const scope = scopeOf(request)
  return partOf(scope)?.listOf(scope) ?? []
}

/**
 * The same, forgotten at once where no response can do it, because its head has left or it is none of ours: in a server component of Next.js,
 * in a page that streams. That takes `messageStorage: 'session'` and an engine that stores sessions; elsewhere it throws
 * `ImproperlyConfigured`. Where a response follows it is `getMessages`, loaded. All who ask in one request get the same messages.
 *
 * @example
 * ```ts
 * import { takeMessages } from 'sojourn/messages'
 *
 * const notes = async (request: Request) => (await takeMessages(request)).map(({ message }) => message)
 * ```
 */
export async function takeMessages(request: object): Promise<readonly Message[]> {
  const scope = scopeOf(request)
  return (await partOf(scope)?.listOf(scope).take()) ?? []
}

function partOf(scope: Scope): MessagesPart | undefined {
  return scope.site.parts.find((part): part is MessagesPart => part.name === 'messages')
}
