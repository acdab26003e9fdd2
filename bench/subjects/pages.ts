/** The session as a handler holds it, whichever library made it. */
type Dictionary = Record<string, unknown>

/** The answer to a path. */
export type Pages = Readonly<Record<string, (session: Dictionary) => string | Promise<string>>>

/** The page whose reads move the end of the session, where a subject is set up so. */
export const SLIDING = '/sliding'

/** So many clients of one session count at once, each under a key of its own; counting takes so many milliseconds. */
export const CLIENTS = 8
const WORK = 2

let visitors = 0

/** Some 300 bytes of JSON: what a shop knows of a visitor. Each is another's: what is remembered by its content must not look good. */
export function smallSession(): Dictionary {
  const visitor = ++visitors
  return {
    username: 'john_doe',
    email: `john.doe.${visitor}@example.org`,
    language: 'en-gb',
    theme: 'dark',
    count: 0,
    lastSeen: '2025-03-01T12:34:56.789Z',
    cart: [
      { id: 31415, quantity: 2 },
      { id: 27182, quantity: 1 },
    ],
    recent: ['/books/31415', '/books/27182', '/search?q=sessions', '/account'],
    newsletter: true,
  }
}

/** Some 20 KB of JSON under 40 keys, every fourth of them nested. */
export function largeSession(): Dictionary {
  const visitor = ++visitors
  const keys = Array.from({ length: 40 }, (_, i): [string, unknown] => {
    const rows = Array.from({ length: 9 }, (_, row) => ({
      id: i * 1000 + row,
      title: `row ${row} of ${i}`,
      price: 9.5,
    }))
    return [`key${i}`, i % 4 === 1 ? rows : `some words of text for ${visitor} `.repeat(20)]
  })
  return { ...Object.fromEntries(keys), key20: 'value 20' }
}

/** What every library under test is asked to do; the same code for all that offer a dictionary. */
export const sessionPages: Readonly<Record<string, (session: Dictionary) => string>> = {
  '/untouched': () => 'ok',
  '/read': (session) => String(session.username),
  [SLIDING]: (session) => String(session.username),
  '/write': (session) => String((session.count = Number(session.count) + 1)),
  '/large': (session) => String(session.key20),
  '/create': (session) => String((session.count = 1)),
  '/prepare/small': (session) => fill(session, smallSession()),
  '/prepare/large': (session) => fill(session, largeSession()),
}

const counters = Array.from({ length: CLIENTS }, (_, client) => `counter${client}`)

/** Beside those: `/count/0` and on, where a client counts, and `/counted`, the sum. */
export const visitorPages: Pages = {
  ...sessionPages,
  ...Object.fromEntries(
    counters.map((counter, client) => [`/count/${client}`, (session: Dictionary) => count(session, counter)]),
  ),
  '/counted': (session) => String(counters.reduce((sum, counter) => sum + Number(session[counter] ?? 0), 0)),
}

async function count(session: Dictionary, counter: string): Promise<string> {
  const next = Number(session[counter] ?? 0) + 1
  await new Promise((resolve) => setTimeout(resolve, WORK))
  session[counter] = next
  return String(next)
}

/** The same answers without any session. */
export const barePages: Pages = {
  '/untouched': () => 'ok',
  '/read': () => 'john_doe',
  [SLIDING]: () => 'john_doe',
  '/write': () => '1',
  '/large': () => 'value 20',
  '/create': () => '1',
  '/prepare/small': () => 'ok',
  '/prepare/large': () => 'ok',
}

function fill(session: Dictionary, values: Dictionary): string {
  for (const [key, value] of Object.entries(values)) session[key] = value
  return 'ok'
}
