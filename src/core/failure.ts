import { SojournError } from '../errors.js'
import type { PlainResponse } from './types.js'

const TITLES: Readonly<Record<number, readonly [title: string, text: string]>> = {
  400: ['Bad request', 'Your session ended while this page was being made. Please go back and try again.'],
  403: ['Forbidden', 'You may not do this.'],
  409: ['Conflict', 'Somebody else changed the same data at the same time. Please try again.'],
  429: ['Too many requests', 'This was tried too often. Please wait a while and try again.'],
  503: [
    'Service unavailable',
    'Your session cannot be reached at the moment. You are still logged in; please try again shortly.',
  ],
}

/**
 * The page that stands for an error. What happened is told only with `debug`, and only of our own errors, whose messages hold no secrets.
 */
export function failureResponse(error: unknown, debug: boolean): PlainResponse {
  const known = error instanceof SojournError ? error : undefined
  const status = known?.status ?? 500
  const [title, text] = TITLES[status] ?? ['Server error', 'Something went wrong on our side.']
  const detail = debug && known ? `<p><code>${escapeHtml(`${known.code}: ${known.message}`)}</code></p>` : ''
  const { headers = {} } = (known ?? {}) as { headers?: Record<string, string> }
  return {
    status,
    headers: { 'Content-Type': 'text/html; charset=utf-8', 'Cache-Control': 'no-store', ...headers },
    body: `<!doctype html><html lang="en"><meta charset="utf-8"><title>${status} ${title}</title><h1>${title}</h1><p>${text}</p>${detail}</html>`,
  }
}

/** Text as it may stand in HTML, in attributes too. */
export function escapeHtml(text: string): string {
  return text.replace(/[&<>"']/g, (character) => `&#${character.charCodeAt(0)};`)
}
