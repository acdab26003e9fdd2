export { copyValues } from './copy-values.js'
export { type ExpressSessionOptions, importExpressSession, type OldSecret, type OldStore } from './express-session.js'
export { importSession } from './import-session.js'
export type { ImportOptions, MoveOptions, OldCookie, OldSessions, SessionImport } from './options.js'
