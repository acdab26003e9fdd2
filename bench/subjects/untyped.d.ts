/** What the bench uses of peers that bring no types. */
declare module 'cookie-session' {
  export default function cookieSession(options: {
    readonly name: string
    readonly keys: readonly string[]
    readonly maxAge: number
  }): unknown
}

declare module 'connect-pg-simple' {
  import type { Store } from 'express-session'

  export default function connect(session: unknown): new (options: { readonly pool: unknown }) => Store
}
