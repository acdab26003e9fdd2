/** What is used of a browser's page, so that nobody needs the types of one. */
declare const document: {
  readonly cookie: string
  querySelector(selector: string): { readonly value?: string } | null
}
declare const location: { readonly origin: string }

export interface CsrfFetchOptions {
  /** The setting `csrfCookieName`. */
  readonly cookieName?: string
  /** The header of the setting `csrfHeaderName`. */
  readonly headerName?: string
}

/**
 * A `fetch` for scripts in a page: the same, but that what it sends to the page's own site brings the token. It is taken from the cookie, or
 * with `csrfUseSessions` or `csrfCookieHttponly`, where scripts see none, from the hidden field of a form in the page. No other site
 * is ever sent one, and a redirect to one fails.
 */
export function makeCsrfFetch(options: CsrfFetchOptions = {}): typeof fetch {
  const { cookieName = 'csrftoken', headerName = 'X-CSRFToken' } = options
  return (input, init) => {
    const request = new Request(input, init)
    const isOurs = new URL(request.url).origin === location.origin
    if (!isOurs || /^(?:GET|HEAD|OPTIONS)$/.test(request.method)) return fetch(request)
    const token = tokenIn(cookieName)
    if (token !== undefined) request.headers.set(headerName, token)
    return fetch(new Request(request, { mode: 'same-origin' }))
  }
}

function tokenIn(cookieName: string): string | undefined {
  const cookies = document.cookie.split('; ').filter((cookie) => cookie.startsWith(`${cookieName}=`))
  return cookies.at(-1)?.slice(cookieName.length + 1) ?? document.querySelector('[name=csrfmiddlewaretoken]')?.value
}

/**
 * `makeCsrfFetch` with Django's names, for the page's script:
 *
 * ```js
 * import { csrfFetch } from 'sojourn/browser'
 *
 * await csrfFetch('/cart', { method: 'POST', body: new URLSearchParams({ item: 'tea' }) })
 * ```
 */
export const csrfFetch: typeof fetch = makeCsrfFetch()
