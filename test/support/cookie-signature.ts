import { createRequire } from 'node:module'

interface CookieSignature {
  sign(value: string, secret: string): string
  unsign(text: string, secret: string): string | false
}

const require = createRequire(import.meta.url)

/** The package that express-session signs with, in the version that it brings. */
export const cookieSignature = createRequire(require.resolve('express-session'))('cookie-signature') as CookieSignature
