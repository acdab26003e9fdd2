import { csrfInput } from 'sojourn/express'
import { type Html, html, raw } from '../beside-django/node/html.js'

export { type Html, html, raw }

/** A whole page, in which everything that is not HTML already was escaped. */
export function page(heading: string, content: Html): string {
  return html`<!doctype html>
<html lang="en">
<meta charset="utf-8">
<meta name="viewport" content="width=device-width">
<title>${heading}</title>
<style>
body { font: 1rem/1.5 system-ui; max-width: 34rem; margin: 2rem auto; padding: 0 1rem }
label { display: block; margin: .5rem 0 }
[role=alert] { background: #fbe9e7; padding: .5rem 1rem }
</style>
<h1>${heading}</h1>
${content}
</html>
`.text
}

/**
 * With every page: no other site may frame it, and no cache keep it. `form-action` counts for where a form's answer leads to as well, so the
 * sites that people come from are in it.
 */
export function pageHeaders(origins: readonly string[]): Readonly<Record<string, string>> {
  const policy = [
    "default-src 'none'",
    "style-src 'unsafe-inline'",
    "base-uri 'none'",
    "frame-ancestors 'none'",
    `form-action ${["'self'", ...origins].join(' ')}`,
  ]
  return { 'Content-Security-Policy': policy.join('; '), 'Cache-Control': 'no-store', 'Referrer-Policy': 'same-origin' }
}

/** The hidden field by which a form of ours is known. */
export function token(request: object): Html {
  return raw(csrfInput(request))
}
