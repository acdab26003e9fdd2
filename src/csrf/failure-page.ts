import { escapeHtml } from '../core/failure.js'
import { findScope, type Scope } from '../core/scope.js'
import type { PlainResponse } from '../core/types.js'
import { type CsrfReasonCode, csrfReasonCode } from './reasons.js'
import { allowedHost } from './verify.js'

/** What a visitor can do about it. */
const ADVICE: Partial<Record<CsrfReasonCode, string>> = {
  no_cookie:
    'This site protects its forms with a cookie, and your browser sent none. Please allow cookies and try again.',
  no_referer:
    'This site protects its forms with the Referer header, and your browser sent none. Please allow it for this site and try again.',
}

const DEFAULT_ADVICE = 'Please go back, reload the page and send the form again.'

/**
 * The page that answers a refused form, with status 403 and a code that stays the same: the default `csrfFailureView`, to be
 * called by one's own too. The reason is shown with `debug` only. Mirrors `django.views.csrf.csrf_failure`.
 *
 * @example
 * ```ts
 * import { csrfFailure } from 'sojourn/csrf'
 * import { sojourn } from 'sojourn/express'
 *
 * sojourn({
 *   secretKey: 'a long random text',
 *   csrfFailureView: (request, reason) => ({ ...csrfFailure(request, reason), body: 'Please reload the page.' }),
 * })
 * ```
 */
export function csrfFailure(request: object, reason: string): PlainResponse {
  const code = csrfReasonCode(reason)
  const scope = findScope(request)
  const detail = scope?.site.settings.debug ? debugDetail(scope, reason) : ''
  return {
    status: 403,
    headers: { 'Content-Type': 'text/html; charset=utf-8', 'Cache-Control': 'no-store' },
    body: `<!doctype html><html lang="en"><meta charset="utf-8"><meta name="robots" content="noindex"><title>403 Forbidden</title><h1>This form was not accepted</h1><p>${ADVICE[code] ?? DEFAULT_ADVICE}</p>${detail}<p><small>csrf_failed: ${code}</small></p></html>`,
  }
}

function debugDetail(scope: Scope, reason: string): string {
  const hint = behindProxy(scope)
    ? '<p>The form came from this host by https, but the request seems to have come by http. Behind a TLS proxy? Set <code>secureProxySslHeader</code>.</p>'
    : ''
  return `<p><code>${escapeHtml(reason)}</code></p>${hint}`
}

/** The commonest surprise: the proxy took the TLS away, and nobody told the site. */
export function behindProxy({ head, secure, site }: Scope): boolean {
  const origin = head.header('origin')
  if (secure || origin === undefined) return false
  const host = allowedHost(head, site.settings)
  return host !== null && origin === `https://${host}`
}
