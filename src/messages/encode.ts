import { parseJson } from '../wire/json.js'
import { quoteString } from '../wire/json-string.js'
import type { StoredMessage } from './message.js'

/** What tells a message from other lists. Django's `MessageEncoder.message_key`. */
const MESSAGE_KEY = '__json_message'
/** Stands last where the rest of the messages is in the session. Django's `CookieStorage.not_finished`. */
const NOT_FINISHED = '__messagesnotfinished__'

/** What was found in one place. */
export interface StoredList {
  readonly messages: readonly StoredMessage[]
  /** False where the rest is somewhere else. */
  readonly complete: boolean
}

/** What the cookie holds, still to be signed. Mirrors Django's `MessageEncoder`. */
export function encodeList({ messages, complete }: StoredList): readonly unknown[] {
  const rows = messages.map(rowOf)
  return complete ? rows : [...rows, NOT_FINISHED]
}

function rowOf({ level, message, extraTags, safe }: StoredMessage): readonly (string | number)[] {
  const row = [MESSAGE_KEY, safe ? 1 : 0, level, message]
  return extraTags === null ? row : [...row, extraTags]
}

/** Mirrors Django's `MessageDecoder`, but for what is no message, which is left out. `null` for what is no list. */
export function decodeList(value: unknown): StoredList | null {
  if (!Array.isArray(value)) return null
  const messages = value.map(messageOf).filter((message) => message !== null)
  return { messages, complete: value.at(-1) !== NOT_FINISHED }
}

function messageOf(row: unknown): StoredMessage | null {
  if (!Array.isArray(row)) return null
  const [key, safe, level, message, extraTags = null]: readonly unknown[] = row
  if (key !== MESSAGE_KEY || !Number.isSafeInteger(level) || typeof message !== 'string') return null
  return { level: level as number, message, extraTags: typeof extraTags === 'string' ? extraTags : null, safe: !!safe }
}

/** The JSON text under `_messages`, with blanks where `json.dumps` has them. Mirrors `SessionStorage.serialize_messages`. */
export function encodeText(messages: readonly StoredMessage[]): string {
  const spaced = (items: readonly string[]): string => `[${items.join(', ')}]`
  const cell = (value: string | number): string => (typeof value === 'string' ? quoteString(value) : String(value))
  return spaced(messages.map((message) => spaced(rowOf(message).map(cell))))
}

/** `null` for whatever is not such a text. */
export function decodeText(text: unknown): StoredList | null {
  if (typeof text !== 'string') return null
  try {
    return decodeList(parseJson(text))
  } catch {
    return null
  }
}
