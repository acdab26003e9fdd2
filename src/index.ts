/** Django's sessions for TypeScript. The framework-free site; each framework's door is a subpath (`sojourn/express`). */
export type { Finding } from './core/checks.js'
export type { ClearOptions, Progress } from './core/clear-expired.js'
export { getSession, isSessionUnavailable } from './core/get-session.js'
export type { SchemaData, SchemaResult, SessionSchema } from './core/session-schema.js'
export type { Session, SessionData, SessionMethods } from './core/session-types.js'
export type { Sessions } from './core/sessions.js'
export type { DjangoSettings, ResolvedSettings, Settings, SettingsInput } from './core/settings.js'
export { settingsFromEnv } from './core/settings-env.js'
export { defineSettings } from './core/settings-input.js'
export type { SessionOf, Site } from './core/site.js'
export type {
  Cells,
  Clock,
  IndexEntry,
  Loaded,
  MaybePromise,
  Outcome,
  PlainResponse,
  RequestHead,
  ResponseHead,
  Saved,
  SessionEngine,
  SessionIndex,
  SessionRecord,
  SiteEvents,
  Slide,
  Sweep,
  Version,
} from './core/types.js'
export type { UserSession } from './core/user-session.js'
export * from './errors.js'
export { sojourn } from './sojourn.js'
