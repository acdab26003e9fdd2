import type { PlainResponse } from '../core/types.js'
import { SojournError } from '../errors.js'

/** Nothing of a login is cached, framed, or told to the page that comes next. */
const PRIVATE = {
  'Cache-Control': 'no-store',
  'Referrer-Policy': 'no-referrer',
  'Content-Security-Policy': "default-src 'none'; frame-ancestors 'none'",
} as const

/** An answer that was made elsewhere, a redirect to the login page, as one of a login's steps. */
export function privately(answer: PlainResponse): PlainResponse {
  return { ...answer, headers: { ...PRIVATE, ...answer.headers } }
}

/** A failure of a step, whoever answers it: frameworks send an error's `headers` with it, as ours do. */
export function failedPrivately(error: unknown): never {
  if (error instanceof SojournError) Object.assign(error, { headers: { ...PRIVATE, ...headersOf(error) } })
  throw error
}

function headersOf(error: SojournError): Readonly<Record<string, string>> {
  return (error as { readonly headers?: Readonly<Record<string, string>> }).headers ?? {}
}

export function redirect(location: URL | string): PlainResponse {
  return { status: 303, headers: { ...PRIVATE, Location: String(location) }, body: '' }
}

/** A page with nothing foreign in it: its address may still hold what nobody else is to see. */
export function page(status: number, title: string, html: string, headers: Record<string, string> = {}): PlainResponse {
  const body = `<!doctype html><html lang="en"><meta charset="utf-8"><title>${title}</title><h1>${title}</h1>${html}</html>`
  return { status, headers: { ...PRIVATE, 'Content-Type': 'text/html; charset=utf-8', ...headers }, body }
}

export function refused(): PlainResponse {
  return page(
    400,
    'This login did not succeed',
    '<p>It was begun elsewhere, took too long or was used already. Please log in once more.</p>',
  )
}

export function wrongMethod(allow: string): PlainResponse {
  return page(405, 'Method not allowed', '', { Allow: allow })
}

/** A browser that loads ahead shall begin no login, nor use one up. */
export function notAhead(): PlainResponse {
  return page(503, 'Not ahead of time', '')
}
