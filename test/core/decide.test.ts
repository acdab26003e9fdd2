import { expect, test } from 'vitest'
import { decide, type Situation } from '../../src/core/decide.js'

const SWITCHES = ['cookieSent', 'empty', 'accessed', 'modified', 'cycled', 'touchDue'] as const

function* situations(): Generator<Situation> {
  for (const status of [200, 302, 404, 499, 500, 503]) {
    for (let bits = 0; bits < 2 ** SWITCHES.length; bits++) {
      const on = SWITCHES.map((name, i) => [name, (bits & (2 ** i)) > 0])
      yield { ...(Object.fromEntries(on) as Omit<Situation, 'status'>), status }
    }
  }
}

/** Django's `process_response`, line by line, with what sojourn adds: a touch instead of a save, a cycled key on a 5xx. */
function reference(s: Situation): readonly [action: string, vary: boolean] {
  if (s.cookieSent && s.empty) return ['delete-cookie', true]
  if ((s.modified || s.touchDue) && !s.empty) {
    if (s.status < 500) return [s.modified ? 'save' : 'touch', true]
    return s.cycled ? ['cookie', true] : ['none', s.accessed]
  }
  return ['none', s.accessed]
}

test('every situation is decided as Django does', () => {
  let count = 0
  for (const situation of situations()) {
    const { action, vary, reason } = decide(situation)
    expect([action, vary], JSON.stringify(situation)).toEqual(reference(situation))
    expect(reason).not.toBe('')
    count++
  }
  expect(count).toBe(6 * 64)
})

test('an empty session is never stored, and a failed request stores nothing', () => {
  for (const situation of situations()) {
    const { action } = decide(situation)
    if (situation.empty || situation.status >= 500) expect(['save', 'touch']).not.toContain(action)
  }
})

test('a request that used no session and brought none gets no header', () => {
  const unused = { cookieSent: false, empty: true, accessed: false, modified: false, cycled: false, touchDue: false }
  expect(decide({ ...unused, status: 200 })).toMatchObject({ action: 'none', vary: false })
})
