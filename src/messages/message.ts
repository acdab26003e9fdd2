import type { ResolvedSettings } from '../core/settings.js'

/** Django's levels, `django.contrib.messages.constants`. Any other whole number is a level too. */
export const LEVELS = { DEBUG: 10, INFO: 20, SUCCESS: 25, WARNING: 30, ERROR: 40 } as const

const TAGS: LevelTags = { 10: 'debug', 20: 'info', 25: 'success', 30: 'warning', 40: 'error' }

/** The tag of each level that has one. */
export type LevelTags = Readonly<Record<number, string>>

/** Django's tags, with those of the setting `messageTags` over them. */
export function levelTags({ messageTags }: Pick<ResolvedSettings, 'messageTags'>): LevelTags {
  return { ...TAGS, ...messageTags }
}

/** A message as it is stored. */
export interface StoredMessage {
  readonly level: number
  readonly message: string
  /** `null` is none at all, which is stored otherwise than an empty text. */
  readonly extraTags: string | null
  /** Whether the text is HTML that may be shown unescaped. */
  readonly safe: boolean
}

/**
 * A message as pages show it; `String(message)` is its text. Mirrors `django.contrib.messages.storage.base.Message`.
 *
 * Escape `message` like any text from outside, unless `safe` says that it was added as `safe(html)`.
 */
export class Message implements StoredMessage {
  readonly level: number
  readonly message: string
  readonly extraTags: string | null
  readonly safe: boolean
  /** The level's tag: `info`, `error`...; empty for a level without one. */
  readonly levelTag: string
  /** Both kinds of tags, ready to be an HTML class once escaped. */
  readonly tags: string

  constructor({ level, message, extraTags, safe }: StoredMessage, tags: LevelTags) {
    this.level = level
    this.message = message
    this.extraTags = extraTags
    this.safe = safe
    this.levelTag = tags[level] ?? ''
    this.tags = [extraTags, this.levelTag].filter(Boolean).join(' ')
  }

  toString(): string {
    return this.message
  }
}

/**
 * HTML that may be shown as it is. A class and not a plain `{ safe: html }`: a visitor can send an object of that shape
 * as a JSON body, but never an instance.
 */
export class SafeText {
  readonly #html: string

  constructor(html: string) {
    this.#html = html
  }

  get html(): string {
    return this.#html
  }
}

/**
 * Marks a message's text as HTML that pages may show unescaped. Mirrors `mark_safe`; whoever calls it vouches for every
 * character.
 *
 * @example
 * ```ts
 * import { messages, safe } from 'sojourn/messages'
 *
 * const saved = (request: Request) => messages.success(request, safe('Saved. <a href="/undo">Undo</a>'))
 * ```
 */
export function safe(html: string): SafeText {
  return new SafeText(html)
}
