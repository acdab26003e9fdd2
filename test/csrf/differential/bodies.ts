import type { Chance } from './chance.js'

/** A body, and the Content-Type that it says it has. */
export interface Body {
  readonly type: string | undefined
  /** Latin-1: a character is a byte. */
  readonly bytes: string
}

type Encoding = 'urlencoded' | 'multipart' | 'json'

const types: readonly (readonly [weight: number, choice: readonly [Encoding, string | undefined]])[] = [
  [24, ['urlencoded', 'application/x-www-form-urlencoded']],
  [2, ['urlencoded', 'application/x-www-form-urlencoded; charset=utf-8']],
  [1, ['urlencoded', 'application/x-www-form-urlencoded;charset=UTF-8']],
  [1, ['urlencoded', 'APPLICATION/X-WWW-Form-Urlencoded']],
  [1, ['urlencoded', 'application/x-www-form-urlencoded ; a=b']],
  [6, ['multipart', 'multipart/form-data; boundary=BOUNDARY']],
  // Of a `Multipart` in capitals Django says that it cannot be parsed.
  [1, ['multipart', 'multipart/Form-Data; boundary="BOUNDARY"']],
  [2, ['urlencoded', 'text/plain']],
  [1, ['urlencoded', 'TEXT/Plain;charset=utf-8']],
  [1, ['multipart', 'multipart/mixed; boundary=BOUNDARY']],
  [1, ['urlencoded', 'application/x-www-form-urlencoded, text/plain']],
  [1, ['urlencoded', 'application/x-www-form-urlencoded2']],
  [1, ['urlencoded', 'text/html; application/x-www-form-urlencoded']],
  [2, ['json', 'application/json']],
  [1, ['json', 'application/csp-report']],
  [1, ['urlencoded', '*/*']],
  [1, ['urlencoded', '']],
  [3, ['urlencoded', undefined]],
]

/** A form with these tokens in its field, and something else. */
export function bodyFrom(chance: Chance, tokens: readonly string[]): Body {
  const [encoding, type] = chance.weighted(types)
  const fields: [string, string][] = tokens.map((token) => ['csrfmiddlewaretoken', token])
  // Parsers do not agree about a multipart form without any field.
  if (fields.length === 0 || chance.happens(0.5))
    fields.splice(chance.of([0, fields.length]), 0, ['name', chance.of(['Müller & Söhne', '', '100 %'])])
  if (chance.happens(0.05)) fields.push(['CSRFMiddlewareToken', chance.letters(32)], ['csrfmiddlewaretoken2', 'x'])
  if (encoding === 'json') return { type, bytes: utf8(JSON.stringify(Object.fromEntries(fields))) }
  // In a body, a question mark in front is a letter of the first name.
  const start = chance.happens(0.01) ? '?' : ''
  if (encoding === 'urlencoded') return { type, bytes: start + new URLSearchParams(fields).toString() }
  const boundary = `----${chance.letters(16)}`
  return { type: type?.replace('BOUNDARY', boundary), bytes: multipart(fields, boundary, chance.happens(0.3)) }
}

function multipart(fields: readonly (readonly [string, string])[], boundary: string, hasFile: boolean): string {
  const parts = fields.map(([name, value]) => part(`form-data; name="${name}"`, value))
  if (hasFile) {
    parts.push(part('form-data; name="file"; filename="a.txt"\r\nContent-Type: text/plain', 'csrfmiddlewaretoken=x'))
  }
  return utf8(`${parts.map((each) => `--${boundary}\r\n${each}`).join('')}--${boundary}--\r\n`)
}

function part(disposition: string, value: string): string {
  return `Content-Disposition: ${disposition}\r\n\r\n${value}\r\n`
}

function utf8(text: string): string {
  return Buffer.from(text).toString('latin1')
}
