import { chain } from '../core/maybe.js'
import type { Part } from '../core/part.js'
import type { Scope } from '../core/scope.js'
import type { ResolvedSettings } from '../core/settings.js'
import type { MaybePromise, ResponseHead } from '../core/types.js'
import { CookieTooLarge, ImproperlyConfigured, SessionValueError } from '../errors.js'
import { patchVary } from '../wire/vary.js'
import { type LevelTags, levelTags, Message, SafeText, type StoredMessage } from './message.js'
import { type MessageStorage, type StorageOf, storageOf } from './storages.js'

/** Makes the part that keeps messages. Mirrors `django.contrib.messages.middleware.MessageMiddleware`. */
export function messagesPart(settings: ResolvedSettings): MessagesPart {
  return new MessagesPart(settings)
}

export class MessagesPart implements Part {
  readonly name = 'messages'
  readonly #settings: ResolvedSettings
  readonly #tags: LevelTags
  readonly #storageOf: StorageOf

  constructor(settings: ResolvedSettings) {
    this.#settings = settings
    this.#tags = levelTags(settings)
    this.#storageOf = storageOf(settings)
  }

  /** The messages of a request. Nothing is read before somebody looks at them. */
  listOf(scope: Scope): MessageList {
    return scope.keep(
      this,
      () => new MessageList(scope, this.#storageOf(scope), this.#settings.messageLevel, this.#tags),
    )
  }

  levelOf(scope: Scope): number {
    return scope.kept<MessageList>(this)?.level ?? this.#settings.messageLevel
  }

  setLevel(scope: Scope, level: number | null): void {
    this.listOf(scope).level = level === null ? this.#settings.messageLevel : wholeLevel(level)
  }

  finish(scope: Scope, response: ResponseHead): MaybePromise<void> {
    return chain(this.listOf(scope).store(response), (unstored) => {
      if (unstored.length === 0 || !this.#settings.debug) return
      throw new CookieTooLarge(
        `Messages found no room in their cookie: ${unstored.length}. Use messageStorage 'fallback' or fewer words. Shown because debug is on.`,
      )
    })
  }
}

/** The messages of one request: what earlier responses left, and what was added. Mirrors `storage.base.BaseStorage`. */
export class MessageList implements Iterable<Message> {
  level: number
  readonly #scope: Scope
  readonly #storage: MessageStorage
  readonly #tags: LevelTags
  #loaded: Message[] | null = null
  #queued: Message[] = []
  #used = false
  #taken: Promise<readonly Message[]> | null = null
  #added = false

  constructor(scope: Scope, storage: MessageStorage, level: number, tags: LevelTags) {
    this.#scope = scope
    this.#storage = storage
    this.#tags = tags
    this.level = level
  }

  /** How many there are. Asking marks none as read. */
  get length(): number {
    return this.#load().length + this.#queued.length
  }

  /** Marks all as read: the response forgets them. */
  [Symbol.iterator](): Iterator<Message> {
    const loaded = this.#load()
    loaded.push(...this.#queued)
    this.#queued = []
    this.#used = true
    return loaded.values()
  }

  /** For `response.json({ messages: getMessages(request) })`, which shows them and so marks them as read. */
  toJSON(): readonly Message[] {
    return [...this]
  }

  /** What there is to show, forgotten at once where no response can do it. The same for everybody who asks in this request. */
  take(): Promise<readonly Message[]> {
    this.#taken ??= this.#take()
    return this.#taken
  }

  async #take(): Promise<readonly Message[]> {
    if (!this.#scope.state.held) {
      await this.#storage.prepare()
      return [...this]
    }
    if (this.#storage.take === undefined) {
      throw new ImproperlyConfigured(
        "Messages that are kept in a cookie cannot be forgotten where no cookie can be set: set messageStorage to 'session'.",
      )
    }
    return (await this.#storage.take()).map((message) => new Message(message, this.#tags))
  }

  add(level: number, text: string | SafeText, extraTags: string | null): void {
    const safe = text instanceof SafeText
    const message: unknown = safe ? text.html : text
    if (wholeLevel(level) < this.level || message === '' || message === undefined || message === null) return
    if (typeof message !== 'string') throw new SessionValueError('A message must be a text, or safe(html).')
    if (extraTags !== null && typeof extraTags !== 'string') throw new SessionValueError('extraTags must be a text.')
    if (this.#scope.state.held) throw this.#scope.state.refusal()
    this.#added = true
    this.#queued.push(new Message({ level, message, extraTags, safe }, this.#tags))
  }

  /** Stores what the next page is to show; gives back what found no room. Mirrors `BaseStorage.update`. */
  store(response: ResponseHead): MaybePromise<readonly StoredMessage[]> {
    if (this.#loaded === null && !this.#added) return []
    return chain(this.#storage.prepare(), () => {
      const loaded = this.#load()
      response.set('Vary', patchVary(response.get('Vary'), ['Cookie']))
      if (this.#used) return this.#storage.write(this.#queued, response)
      return this.#added ? this.#storage.write([...loaded, ...this.#queued], response) : []
    })
  }

  #load(): Message[] {
    this.#loaded ??= this.#storage.read().messages.map((message) => new Message(message, this.#tags))
    return this.#loaded
  }
}

function wholeLevel(level: number): number {
  if (!Number.isSafeInteger(level)) throw new SessionValueError("A message's level must be a whole number.")
  return level
}
