import { bareSecret } from '../../../src/csrf/token.js'
import type { Case, Variant, Verdict } from './case.js'

/** What becomes of the visitor's secret: whether it is sent again, or another instead. */
export function keptSecret(
  { setCookies }: Verdict,
  { secret }: Case,
  { settings }: Variant,
): 'as it was' | 'again' | 'another' {
  if (settings.csrfUseSessions) {
    const stored = secretInSession(setCookies)
    // A session may keep a masked secret as it is, or have it bare from now on: it is the same one.
    return stored === undefined || bareSecret(stored) === secret ? 'as it was' : 'another'
  }
  const value = cookieValue(setCookies, settings.csrfCookieName ?? 'csrftoken')
  if (value === undefined) return 'as it was'
  return value === secret ? 'again' : 'another'
}

/** The secret in the session of the last such cookie, however that is signed. */
export function secretInSession(cookies: readonly string[]): string | undefined {
  const payload = cookieValue(cookies, 'sessionid')?.split(':')[0] ?? ''
  const text = Buffer.from(payload, 'base64url').toString()
  return text.startsWith('{"') ? (JSON.parse(text) as { _csrftoken?: string })._csrftoken : undefined
}

function cookieValue(cookies: readonly string[], name: string): string | undefined {
  const line = cookies.map((each) => each.trim()).findLast((each) => each.startsWith(`${name}=`))
  return line
    ?.slice(name.length + 1)
    .split(';', 1)[0]
    ?.trim()
}
