import type { IncomingMessage } from 'node:http'
import { chain } from '../../core/maybe.js'
import type { MaybePromise } from '../../core/types.js'
import { isForm, type ParsedForm, parseForm, type SubmittedForm } from '../submitted-form.js'
import { hasBeenRead, peekForm } from './peek-form.js'

/** The form that something before us parsed, as connect, Express and their body parsers leave it. Bytes are none. */
export function parsedForm(request: object): ParsedForm | undefined {
  const { body } = request as { body?: unknown }
  return typeof body === 'object' && body !== null && !(body instanceof Uint8Array) ? (body as ParsedForm) : undefined
}

/**
 * What somebody before us left of a form on `holder.body`: parsed, or as text or bytes. body-parser 1 and @koa/bodyparser leave an empty object
 * where the body is of a type for another parser, so that one says nothing as long as nobody has read the body.
 */
export function leftForm(
  request: IncomingMessage,
  holder: object = request,
): MaybePromise<ParsedForm | SubmittedForm | undefined> {
  const { body } = holder as { body?: unknown }
  const type = request.headers['content-type'] ?? ''
  if (typeof body === 'string' || body instanceof Uint8Array) {
    return isForm(type) ? parseForm(body as Uint8Array<ArrayBuffer>, type) : undefined
  }
  const form = parsedForm(holder)
  return form !== undefined && (hasBeenRead(request) || Object.keys(form).length > 0) ? form : undefined
}

/**
 * What reads the submitted forms of plain Node requests, of at most `limit` bytes. An urlencoded one that nobody had parsed is left on
 * `request.body`, as `bodyOf` has it, for sites without a parser; one that comes later finds all bytes in their place.
 */
export function formReader(limit: number | null, bodyOf: (form: URLSearchParams) => ParsedForm) {
  return (request: IncomingMessage): MaybePromise<ParsedForm | SubmittedForm | undefined> =>
    leftForm(request) ??
    chain(peekForm(request, limit), (form) => {
      if (form instanceof URLSearchParams) (request as { body?: ParsedForm }).body = bodyOf(form)
      return form
    })
}

/** One text for each name; as in Django the last of a name counts. */
export function lastOfEach(form: URLSearchParams): ParsedForm {
  const last: Record<string, string> = Object.create(null)
  for (const [name, value] of form) last[name] = value
  return last
}

/** A list where a name came more than once, as Express's own parser has it. */
export function listsOfMany(form: URLSearchParams): ParsedForm {
  const all: Record<string, string | string[]> = Object.create(null)
  for (const name of new Set(form.keys())) {
    const values = form.getAll(name)
    all[name] = values.length === 1 ? (values[0] as string) : values
  }
  return all
}
