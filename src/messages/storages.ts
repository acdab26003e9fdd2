import { load } from '../core/commit.js'
import { keepPrivate } from '../core/keep-private.js'
import { chain } from '../core/maybe.js'
import type { Scope } from '../core/scope.js'
import type { ResolvedSettings } from '../core/settings.js'
import { transact } from '../core/transact.js'
import type { MaybePromise, ResponseHead } from '../core/types.js'
import { BadSignature, SessionInterrupted } from '../errors.js'
import { deleteCookie, setCookie } from '../wire/set-cookie.js'
import { cookieSigner } from '../wire/signed-cookie.js'
import type { TimestampSigner } from '../wire/signing.js'
import { decodeList, decodeText, encodeList, encodeText, type StoredList } from './encode.js'
import type { StoredMessage } from './message.js'

const COOKIE_NAME = 'messages'
const COOKIE_SALT = 'django.contrib.messages'
/** The longest value, without name and attributes. Django's `CookieStorage.max_cookie_size`. */
const COOKIE_MAX = 2048
const SESSION_KEY = '_messages'

const NOTHING: StoredList = { messages: [], complete: true }

/** Where one request's messages come from and go to. Mirrors `django.contrib.messages.storage`. */
export interface MessageStorage {
  /** Fetches what `read` needs and is not here yet. */
  prepare(): MaybePromise<void>
  /** What earlier responses left. Throws `SessionNotLoaded` where that is in a session which is not loaded. */
  read(): StoredList
  /** Takes the place of what was there; gives back what found no room. */
  write(messages: readonly StoredMessage[], response: ResponseHead): MaybePromise<readonly StoredMessage[]>
  /** Gives what is there and forgets it at once. Absent where that takes a response. */
  take?(): Promise<readonly StoredMessage[]>
}

export type StorageOf = (scope: Scope) => MessageStorage

/** The storage that the setting `messageStorage` names, for one request after the other. */
export function storageOf(settings: ResolvedSettings): StorageOf {
  const { secretKey, secretKeyFallbacks, clock, messageStorage } = settings
  if (messageStorage === 'session') return (scope) => new SessionStorage(scope)
  const keys = { key: secretKey, fallbackKeys: secretKeyFallbacks, now: clock }
  const signer = cookieSigner(keys, COOKIE_SALT)
  return messageStorage === 'cookie'
    ? (scope) => new CookieStorage(scope, signer, 'newest')
    : (scope) => new FallbackStorage(new CookieStorage(scope, signer, 'oldest'), new SessionStorage(scope))
}

class CookieStorage implements MessageStorage {
  readonly #scope: Scope
  readonly #signer: TimestampSigner
  /** Which messages stay where not all have room. */
  readonly #keep: 'newest' | 'oldest'
  readonly #cookie: string | undefined
  #found: StoredList | null = null

  constructor(scope: Scope, signer: TimestampSigner, keep: 'newest' | 'oldest') {
    this.#scope = scope
    this.#signer = signer
    this.#keep = keep
    this.#cookie = scope.cookie(COOKIE_NAME)
  }

  prepare(): void {}

  read(): StoredList {
    this.#found ??= this.#decode()
    return this.#found
  }

  /** A cookie that is not ours, or not whole, holds no messages. */
  #decode(): StoredList {
    if (!this.#cookie) return NOTHING
    try {
      return decodeList(this.#signer.unsignObject(this.#cookie)) ?? NOTHING
    } catch (error) {
      if (error instanceof BadSignature) return NOTHING
      throw error
    }
  }

  write(messages: readonly StoredMessage[], response: ResponseHead): readonly StoredMessage[] {
    if (messages.length === 0) {
      // Where no cookie came there is none to delete; whatever came is gone, readable or not.
      if (this.#cookie !== undefined) response.append('Set-Cookie', deleteCookie(COOKIE_NAME, this.#attributes()))
      return messages
    }
    const whole = this.#encode({ messages, complete: true })
    if (whole.length <= COOKIE_MAX) {
      this.#send(whole, response)
      return []
    }
    const room = mostThatFit(messages.length, (count) => this.#encode(this.#part(messages, count)).length <= COOKIE_MAX)
    this.#send(this.#encode(this.#part(messages, room)), response)
    return this.#keep === 'oldest' ? messages.slice(room) : messages.slice(0, messages.length - room)
  }

  #part(messages: readonly StoredMessage[], count: number): StoredList {
    const part = this.#keep === 'oldest' ? messages.slice(0, count) : messages.slice(messages.length - count)
    return { messages: part, complete: false }
  }

  /** URL-safe base64 and colons: no text of a message or tag reaches a header as it is, and no byte needs quotes. */
  #encode(list: StoredList): string {
    return this.#signer.signObject(encodeList(list), { compress: true })
  }

  #send(value: string, response: ResponseHead): void {
    const { sessionCookieSecure: secure, sessionCookieHttponly: httpOnly } = this.#scope.site.settings
    const attributes = { ...this.#attributes(), secure: secure === 'auto' ? this.#scope.secure : secure, httpOnly }
    response.append('Set-Cookie', setCookie(COOKIE_NAME, value, attributes))
    keepPrivate(response)
  }

  #attributes(): Parameters<typeof deleteCookie>[1] {
    const { settings } = this.#scope.site
    return {
      domain: settings.sessionCookieDomain ?? undefined,
      path: '/',
      sameSite: settings.sessionCookieSamesite,
      partitioned: settings.sessionCookiePartitioned,
    }
  }
}

/** The greatest count up to `all` that fits, where fewer always fit if more do. Each try costs a signature. */
function mostThatFit(all: number, fits: (count: number) => boolean): number {
  let most = 0
  for (let tooMany = all + 1; tooMany - most > 1; ) {
    const count = Math.floor((most + tooMany) / 2)
    if (fits(count)) most = count
    else tooMany = count
  }
  return most
}

class SessionStorage implements MessageStorage {
  readonly #scope: Scope

  constructor(scope: Scope) {
    this.#scope = scope
  }

  prepare(): MaybePromise<void> {
    return load(this.#scope.state)
  }

  read(): StoredList {
    return decodeText(this.#scope.state.get(SESSION_KEY)) ?? NOTHING
  }

  write(messages: readonly StoredMessage[]): MaybePromise<readonly StoredMessage[]> {
    const { state } = this.#scope
    return chain(this.prepare(), () => {
      if (messages.length === 0) state.delete(SESSION_KEY)
      else state.put(SESSION_KEY, encodeText(messages))
      return []
    })
  }

  async take(): Promise<readonly StoredMessage[]> {
    const { state } = this.#scope
    await this.prepare()
    const { messages } = this.read()
    if (messages.length === 0 || state.unavailable !== null) return messages
    try {
      // From what is stored by now, not from what was loaded: nobody's message is forgotten unread.
      return await transact(state, (own) => decodeText(own.pop(SESSION_KEY))?.messages ?? [])
    } catch (error) {
      if (error instanceof SessionInterrupted) return []
      throw error
    }
  }
}

/** The cookie, and the session for what has no room in it: no session is made or loaded for a short message. */
class FallbackStorage implements MessageStorage {
  readonly #cookie: MessageStorage
  readonly #session: MessageStorage

  constructor(cookie: MessageStorage, session: MessageStorage) {
    this.#cookie = cookie
    this.#session = session
  }

  prepare(): MaybePromise<void> {
    return this.#cookie.read().complete ? undefined : this.#session.prepare()
  }

  read(): StoredList {
    const first = this.#cookie.read()
    if (first.complete) return first
    return { messages: [...first.messages, ...this.#session.read().messages], complete: true }
  }

  write(messages: readonly StoredMessage[], response: ResponseHead): MaybePromise<readonly StoredMessage[]> {
    return chain(this.#cookie.write(messages, response), (rest) => {
      const sessionHadSome = !this.#cookie.read().complete
      return rest.length > 0 || sessionHadSome ? this.#session.write(rest, response) : rest
    })
  }
}
