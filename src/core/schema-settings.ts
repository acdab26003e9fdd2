import type { SessionSchema } from './session-schema.js'
import type { SettingsInput } from './settings.js'

/** Settings with a schema, which types the sessions of the site that is made from them. */
export type SchemaSettings<S extends SessionSchema> = SettingsInput & { readonly sessionSchema: S }
