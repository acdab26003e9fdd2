import type { Request, Response } from 'express'
import type { Site } from 'sojourn'
import { getMessages, getUser, messages } from 'sojourn/express'
import { cartLines } from './cart.js'
import { defaultPreferences, type Preferences, readPreferences } from './preferences.js'
import { languageNames, languages, say, type TextName, type Texts } from './texts.js'

type Values = Readonly<Record<string, unknown>>

/** Renders a page with what every page shows: the visitor's name, language and theme, the cart's count, flash texts. */
export async function render(req: Request, res: Response, view: string, values: Values = {}): Promise<void> {
  const user = await getUser(req)
  const lines = cartLines(req.session)
  res.render(view, {
    ...pageValues(readPreferences(req.session)),
    ...values,
    user,
    username: req.session.get('username'),
    cartCount: lines.reduce((count, { quantity }) => count + quantity, 0),
    messages: [...getMessages(req)],
    path: req.path,
  })
}

/** What a page needs that may be shown to nobody in particular: error pages touch no session, for it may be what failed. */
export function pageValues(preferences: Preferences = defaultPreferences): Values {
  const { language } = preferences
  const texts = languages[language]
  const moments = new Intl.DateTimeFormat(language, { dateStyle: 'medium', timeStyle: 'short', timeZone: 'UTC' })
  const money = new Intl.NumberFormat(language, { style: 'currency', currency: 'EUR' })
  return {
    ...preferences,
    t: texts,
    say: (name: TextName, ...given: string[]) => say(texts, name, ...given),
    money: (cents: number) => money.format(cents / 100),
    moment: (date: Date) => `${moments.format(date)} UTC`,
    languageNames,
  }
}

export function textsOf(req: Request): Texts {
  return languages[readPreferences(req.session).language]
}

type Level = 'info' | 'success' | 'warning' | 'error'

/** What some texts are besides their level: classes for the stylesheet. */
const EXTRA_TAGS: Readonly<Partial<Record<TextName, string>>> = {
  registered: 'welcome',
  passwordChanged: 'security',
  deviceEnded: 'security',
  othersEnded: 'security',
}

/** A flash text in the visitor's language, shown by the next page that renders. */
export function flash(req: Request, level: Level, name: TextName, ...given: readonly string[]): void {
  messages[level](req, say(textsOf(req), name, ...given), { extraTags: EXTRA_TAGS[name] })
}

/** The engine, and beside its name what it keeps sessions in: `cache (redis)`. */
export function storeName(site: Site): string {
  const { engine } = site
  const { database, cache } = storesOf(site)
  const stores = { db: [database], cache: [cache], cached_db: [database, cache] }[engine.name]
  return stores === undefined ? engine.name : `${engine.name} (${stores.join(', ')})`
}

/** The footer: which engine and settings this site runs with. No path, no address, no secret. */
export function settingsInUse(site: Site): readonly (readonly [name: string, value: string])[] {
  const { settings, engine } = site
  const { database, cache } = storesOf(site)
  return [
    ['sessionEngine', engine.name],
    ['databases', database],
    ...(cache === '' ? [] : [['caches', cache] as const]),
    ['sessionCookieName', settings.sessionCookieName],
    ['sessionCookieAge', `${settings.sessionCookieAge} s`],
    ['sessionCookieSecure', String(settings.sessionCookieSecure)],
    ['sessionCookieHttponly', String(settings.sessionCookieHttponly)],
    ['sessionCookieSamesite', String(settings.sessionCookieSamesite)],
    ['sessionExpireAtBrowserClose', String(settings.sessionExpireAtBrowserClose)],
    ['sessionSaveEveryRequest', String(settings.sessionSaveEveryRequest)],
    ['sessionUserIndex', String(settings.sessionUserIndex)],
    ['csrfUseSessions', String(settings.csrfUseSessions)],
    ['messageStorage', settings.messageStorage],
    ['debug', String(settings.debug)],
  ]
}

/** The schemes of the URLs, which is all of them that anybody may see. */
function storesOf({ settings }: Site): { readonly database: string; readonly cache: string } {
  const cache = settings.caches[settings.sessionCacheAlias]
  return { database: kindOf(settings.databases['default']), cache: cache === undefined ? '' : kindOf(cache.location) }
}

function kindOf(location: unknown): string {
  const [first] = Array.isArray(location) ? (location as readonly unknown[]) : [location]
  return typeof first === 'string' ? first.slice(0, first.indexOf(':')) : 'an open handle'
}
