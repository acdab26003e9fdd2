import type { Session } from 'sojourn'
import { isLanguage, type Language } from './texts.js'

export const themes = ['auto', 'light', 'dark'] as const
export type Theme = (typeof themes)[number]

export interface Preferences {
  readonly theme: Theme
  readonly language: Language
}

export const defaultPreferences: Preferences = { theme: 'auto', language: 'en' }

export function isTheme(value: unknown): value is Theme {
  return themes.some((theme) => theme === value)
}

/** What the visitor chose, and the default for what they did not. */
export function readPreferences(session: Session): Preferences {
  const theme = session.get('theme')
  const language = session.get('language')
  return {
    theme: isTheme(theme) ? theme : defaultPreferences.theme,
    language: isLanguage(language) ? language : defaultPreferences.language,
  }
}
