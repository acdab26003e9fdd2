import type { IncomingMessage } from 'node:http'
import type { MaybePromise } from '../core/types.js'
import { BodyNotParsed } from '../errors.js'

type Form = Readonly<Record<string, unknown>>

/** The form that something before us parsed, as connect, Express and their body parsers leave it. */
export function parsedForm(request: IncomingMessage): Form | undefined {
  const { body } = request as { body?: unknown }
  return typeof body === 'object' && body !== null ? (body as Form) : undefined
}

/** `application/x-www-form-urlencoded`, which a body parser left to us. */
export function isUnreadForm(request: IncomingMessage): boolean {
  const type = request.headers['content-type'] ?? ''
  return !request.readableEnded && /^application\/x-www-form-urlencoded\s*(?:;|$)/i.test(type.trim())
}

/** A multipart body that nobody parsed would look like a form without a token; better to say what to do. */
export function refuseUnreadMultipart(request: IncomingMessage): void {
  if (request.readableEnded || !/^multipart\/form-data\b/i.test(request.headers['content-type'] ?? '')) return
  throw new BodyNotParsed(
    'A multipart form arrived and nothing parsed it before sojourn looked for its token: mount your multipart parser before sojourn, or send the token in the X-CSRFToken header.',
  )
}

/** The submitted form of a plain Node request, of at most `limit` bytes. What is read here is left on `request.body` for the handler. */
export function readForm(request: IncomingMessage, limit: number | null): MaybePromise<Form | undefined> {
  const parsed = parsedForm(request)
  if (parsed !== undefined) return parsed
  if (isUnreadForm(request)) return readUrlencoded(request, limit)
  refuseUnreadMultipart(request)
  return undefined
}

/** What says that a form is too large to be read for its token. */
export function tooLong(limit: number): BodyNotParsed {
  return new BodyNotParsed(
    `The form is over ${limit} bytes (dataUploadMaxMemorySize): send its token in the X-CSRFToken header, or raise the setting.`,
  )
}

/** The fields of a submitted form. What `URLSearchParams` takes for the mark of a query is here a part of a name, as everywhere else. */
export function urlencoded(text: string): URLSearchParams {
  return new URLSearchParams(`&${text}`)
}

async function readUrlencoded(request: IncomingMessage, limit: number | null): Promise<Form> {
  const chunks: Buffer[] = []
  let bytes = 0
  for await (const chunk of request as AsyncIterable<Buffer>) {
    bytes += chunk.length
    if (limit !== null && bytes > limit) throw tooLong(limit)
    chunks.push(chunk)
  }
  const form: Record<string, unknown> = Object.create(null)
  for (const [name, value] of urlencoded(Buffer.concat(chunks).toString())) form[name] = value
  ;(request as { body?: unknown }).body = form
  return form
}
