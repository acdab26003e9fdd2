/** The session as a handler holds it, whichever library made it. */
type Dictionary = Record<string, unknown>

/** The answer to a path. */
export type Pages = Readonly<Record<string, (session: Dictionary) => string>>

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
export const sessionPages: Pages = {
  '/untouched': () => 'ok',
  '/read': (session) => String(session.username),
  '/write': (session) => String((session.count = Number(session.count) + 1)),
  '/large': (session) => String(session.key20),
  '/create': (session) => String((session.count = 1)),
  '/prepare/small': (session) => fill(session, smallSession()),
  '/prepare/large': (session) => fill(session, largeSession()),
}

/** The same answers without any session. */
export const barePages: Pages = {
  '/untouched': () => 'ok',
  '/read': () => 'john_doe',
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
