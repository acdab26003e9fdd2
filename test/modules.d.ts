/** What the tests and benches use that brings no types of its own. */

/** Express 4 under another name, beside Express 5. What the tests use of it is the same in both. */
declare module 'express4' {
  export { default } from 'express'
}

declare module 'better-sqlite3-session-store' {
  import type { Database } from 'better-sqlite3'
  import type session from 'express-session'
  import type { Store } from 'express-session'

  interface Options {
    readonly client: Database
    readonly expired?: { readonly clear?: boolean; readonly intervalMs?: number }
  }
  export default function sqliteStore(of: typeof session): new (options: Options) => Store
}
