import { BodyNotParsed } from '../errors.js'

/** A form as Fetch reads it. */
export type SubmittedForm = URLSearchParams | FormData

/** A form as connect, Express and their body parsers leave it. */
export type ParsedForm = Readonly<Record<string, unknown>>

/** A field of a form, whoever read it. As in Django the last of a name counts. */
export function fieldOf(form: ParsedForm | SubmittedForm | undefined, name: string): string | undefined {
  const given = form instanceof URLSearchParams || form instanceof FormData ? form.getAll(name) : form?.[name]
  const value: unknown = Array.isArray(given) ? given.at(-1) : given
  return typeof value === 'string' ? value : undefined
}

/** Whether a body of this `Content-Type` is a form. */
export function isForm(type: string): boolean {
  return isUrlencoded(type) || isMultipart(type)
}

function isUrlencoded(type: string): boolean {
  return /^application\/x-www-form-urlencoded\s*(?:;|$)/i.test(type.trim())
}

/** Whether a body of this `Content-Type` is a form that may have files. */
export function isMultipart(type: string): boolean {
  return /^multipart\/form-data\s*(?:;|$)/i.test(type.trim())
}

type Body = ConstructorParameters<typeof Response>[0]

/** The form in a body of this `Content-Type`. */
export async function parseForm(body: Body, type: string): Promise<SubmittedForm> {
  const response = new Response(body, { headers: { 'Content-Type': type } })
  try {
    return isMultipart(type) ? await response.formData() : urlencoded(await response.text())
  } catch (cause) {
    throw unparsable(cause)
  }
}

/** What says that a body is not what its `Content-Type` says. */
export function unparsable(cause: unknown): BodyNotParsed {
  return new BodyNotParsed(
    'The submitted form cannot be parsed: see that it is sent whole, with the Content-Type and boundary that it was made with.',
    { cause },
  )
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
