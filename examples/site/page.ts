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
  const money = new Intl.NumberFormat(language, { style: 'currency', currency: 'EUR' })
  return {
    ...preferences,
    t: texts,
    say: (name: TextName, ...given: string[]) => say(texts, name, ...given),
    money: (cents: number) => money.format(cents / 100),
    languageNames,
  }
}

export function textsOf(req: Request): Texts {
  return languages[readPreferences(req.session).language]
}

/** A flash text in the visitor's language, shown by the next page that renders. */
export function flash(req: Request, level: 'success' | 'error', name: TextName, ...given: readonly string[]): void {
  messages[level](req, say(textsOf(req), name, ...given))
}

/** The footer: which engine and settings this site runs with. No path, no address, no secret. */
export function settingsInUse({ settings, engine }: Site): readonly (readonly [name: string, value: string])[] {
  const { databases, sessionCookieSecure, sessionCookieSamesite } = settings
  const url = databases['default']
  return [
    ['sessionEngine', engine.name],
    ['databases', typeof url === 'string' ? (url.split(':', 1)[0] as string) : 'an open handle'],
    ['sessionCookieName', settings.sessionCookieName],
    ['sessionCookieAge', `${settings.sessionCookieAge} s`],
    ['sessionCookieSecure', String(sessionCookieSecure)],
    ['sessionCookieHttponly', String(settings.sessionCookieHttponly)],
    ['sessionCookieSamesite', String(sessionCookieSamesite)],
    ['sessionExpireAtBrowserClose', String(settings.sessionExpireAtBrowserClose)],
    ['sessionSaveEveryRequest', String(settings.sessionSaveEveryRequest)],
    ['csrfUseSessions', String(settings.csrfUseSessions)],
    ['messageStorage', settings.messageStorage],
    ['debug', String(settings.debug)],
  ]
}
