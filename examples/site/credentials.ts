import type { TextName } from './texts.js'

/** What a new name and a new password must be: the rules of Django's own forms, but for its list of common passwords. */

const LONGEST_NAME = 150
const SHORTEST_PASSWORD = 8

/** What is wrong, by the field beside which it is said. */
export type Faults = Readonly<Partial<Record<'username' | 'current' | 'password' | 'again', TextName>>>

/** A field of a form as text; one that came twice, or not at all, is empty. */
export function fieldOf(body: unknown, name: string): string {
  const value = (body as Readonly<Record<string, unknown>> | undefined)?.[name]
  return typeof value === 'string' ? value : ''
}

/** The name as it is stored. One that is too long stays as it is: normalising may make it eighteen times as long. */
export function cleanUsername(given: string): string {
  const name = given.trim()
  return lengthOf(name) > LONGEST_NAME ? name : name.normalize('NFKC')
}

export function usernameFault(name: string): TextName | undefined {
  if (name === '') return 'usernameMissing'
  if (lengthOf(name) > LONGEST_NAME) return 'usernameTooLong'
  // Python's `[\w.@+-]`: a letter's mark of its own is neither letter nor digit.
  return /^[\p{L}\p{N}_.@+-]+$/u.test(name) ? undefined : 'usernameLetters'
}

export function passwordFaults(username: string, password: string, again: string): Faults {
  const fault = passwordFault(username, password)
  return {
    ...(fault !== undefined && { password: fault }),
    ...(password !== again && { again: 'passwordsDiffer' }),
  }
}

function passwordFault(username: string, password: string): TextName | undefined {
  if (lengthOf(password) < SHORTEST_PASSWORD) return 'passwordShort'
  if (/^\p{N}+$/u.test(password)) return 'passwordDigits'
  return folded(password) === folded(username) ? 'passwordIsName' : undefined
}

function folded(text: string): string {
  return text.trim().normalize('NFKC').toLowerCase()
}

/** In characters, as Python counts. */
function lengthOf(text: string): number {
  return [...text].length
}
