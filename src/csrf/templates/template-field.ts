import { ImproperlyConfigured } from '../../errors.js'
import { csrfInput } from '../index.js'

/** The hidden field for the request in a template's context. Django leaves it out where there is none, and the form then fails for another reason. */
export function templateField(request: unknown, tag: string): string {
  if (typeof request === 'object' && request !== null) return csrfInput(request)
  throw new ImproperlyConfigured(
    `${tag} needs the request in the template's context: render with { request }, and import macros \`with context\`.`,
  )
}
