// Compiled, never run: each line below an `@ts-expect-error` must not compile, and every other line must.
import type { SessionOptions } from 'express-session'
import { importExpressSession } from '../../src/import/index.js'

// The options object of the application as it was.
declare const options: SessionOptions
importExpressSession(options)
importExpressSession<{ user?: string }>({
  ...options,
  keep: true,
  map({ user }, session) {
    session.set('user', user?.toUpperCase())
  },
})
declare const secret: Buffer
importExpressSession({ secret: [secret, 'a text'], store: options.store })
// @ts-expect-error a secret that signs nothing
importExpressSession({ secret: 5, store: options.store })
