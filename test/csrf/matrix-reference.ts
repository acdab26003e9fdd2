/**
 * What Django 4.1 to 6.1 and one rule of our own say about a submission by HTTPS, written from the rules alone: nothing of
 * src/ is used here, and URLs are read as browsers read them.
 */

export const HOST = 'shop.example.com'
export const TRUSTED = ['https://pay.example', 'https://*.good.example']

export interface Submitted {
  readonly method: string
  readonly fetchSite: string | undefined
  readonly origin: string | undefined
  readonly referer: string | undefined
  readonly secret: string
  /** The field that a form of this Content-Type has, and the header. */
  readonly field: string | undefined
  readonly header: string | undefined
}

/** Why it is refused; `null` if it is not. */
export function reasonFor({ method, fetchSite, origin, referer, secret, field, header }: Submitted): string | null {
  if (['GET', 'HEAD', 'OPTIONS', 'TRACE'].includes(method)) return null
  const vouched = origin !== undefined && isListed(origin)
  if (!vouched && ['same-site', 'cross-site'].includes(fetchSite ?? '')) {
    return `Sec-Fetch-Site checking failed - ${fetchSite}.`
  }
  if (origin !== undefined && !vouched) return `Origin checking failed - ${origin} does not match any trusted origins.`
  if (origin === undefined) {
    if (referer === undefined) return 'Referer checking failed - no Referer.'
    if (!URL.canParse(referer)) return 'Referer checking failed - Referer is malformed.'
    const from = new URL(referer)
    if (from.protocol !== 'https:') return 'Referer checking failed - Referer is insecure while host is secure.'
    if (!isListed(from.origin)) return `Referer checking failed - ${referer} does not match any trusted origins.`
  }
  const [token, source] = method === 'POST' && field ? [field, 'POST'] : [header, "the 'X-Csrftoken' HTTP header"]
  if (token === undefined) return 'CSRF token missing.'
  if (token.length !== 32 && token.length !== 64) return `CSRF token from ${source} has incorrect length.`
  if (!/^[a-zA-Z0-9]+$/.test(token)) return `CSRF token from ${source} has invalid characters.`
  return token === secret || unmasked(token) === secret ? null : `CSRF token from ${source} incorrect.`
}

function isListed(origin: string): boolean {
  if (!URL.canParse(origin) || new URL(origin).origin !== origin) return false
  return [`https://${HOST}`, ...TRUSTED].some((each) => {
    const [before = '', domain] = each.split('*.')
    if (domain === undefined) return origin === each
    return origin === before + domain || (origin.startsWith(before) && origin.endsWith(`.${domain}`))
  })
}

const LETTERS = 'abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789'

function unmasked(token: string): string {
  const places = [...token].map((letter) => LETTERS.indexOf(letter))
  return places.slice(32).reduce((text, place, i) => text + LETTERS.at((place - places[i]!) % 62), '')
}
