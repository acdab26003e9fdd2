import fc from 'fast-check'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { logout } from '../../src/adapters/api.js'
import { Scope } from '../../src/core/scope.js'
import { memoryEngine } from '../../src/engines/memory.js'
import { sojourn } from '../../src/sojourn.js'
import { watched } from '../../src/testing/index.js'
import { parseCookies } from '../../src/wire/cookies.js'
import { randomString } from '../../src/wire/crypto.js'
import { findDjango } from '../django/home.js'
import { type Django, startDjango } from '../django/server.js'
import { requestHead, responseHead, SECRET } from '../support/sites.js'
import { adapters, given, keysOf, live, memoryDatabase, rawGet } from './live.js'

const sessionsOnly = { middleware: ['sessions'] } as const
const A = 'a'.repeat(32)
const B = 'b'.repeat(32)

const home = await findDjango()

describe.skipIf('missing' in home)('T05: against a real Django', () => {
  let django: Django
  beforeAll(async () => {
    django = await startDjango({ secretKey: SECRET })
  })
  afterAll(() => django?.stop())

  test('100,000 cookie headers are read as Django reads them, so the last of a name wins', async () => {
    const name = fc.constantFrom(
      'sessionid',
      'sessionid',
      'csrftoken',
      'SessionID',
      '__Host-sessionid',
      '$Version',
      '',
      'a b',
      '"sessionid"',
    )
    const byte = fc.constantFrom(...'ab019 \t";=,\\[]{}()<>/@:?$%+-_é')
    const value = fc.oneof(
      fc.constantFrom(A, B, '""', '"', '"x', 'x"', `"${A}"`, '"a\\073b"', '"\\""', '"\\400"', ''),
      fc.string({ unit: byte, maxLength: 12 }),
    )
    const pair = fc.tuple(name, fc.constantFrom('=', '=', '=', ' = ', ''), value).map((parts) => parts.join(''))
    const header = fc
      .array(pair, { minLength: 1, maxLength: 5 })
      .chain((pairs) => fc.constantFrom('; ', ';', ';;', ' ;\t', ',').map((between) => pairs.join(between)))
    const headers = fc.sample(header, { numRuns: 100_000, seed: 5 })
    let duplicates = 0
    for (let from = 0; from < headers.length; from += 20_000) {
      const batch = headers.slice(from, from + 20_000)
      const theirs = JSON.parse(
        await django.python(
          'import json\nfrom django.http.cookie import parse_cookie\nprint(json.dumps([parse_cookie(h) for h in args]))',
          batch,
        ),
      ) as Record<string, string>[]
      batch.forEach((text, i) => {
        const ours = { ...parseCookies(text) }
        if (JSON.stringify(sorted(ours)) !== JSON.stringify(sorted(theirs[i] as object))) {
          expect({ text, cookies: ours }).toEqual({ text, cookies: theirs[i] })
        }
        if ((text.match(/(?:^|;)\s*sessionid\s*=/g)?.length ?? 0) > 1) duplicates++
      })
    }
    // Else the comparison says nothing about the rule it is for.
    expect(duplicates).toBeGreaterThan(5000)
  })
})

function sorted(cookies: object): [string, string][] {
  return Object.entries(cookies).sort(([a], [b]) => (a < b ? -1 : 1))
}

describe.each(adapters)('over %s', (adapter) => {
  /** A site with a session of its own under key A and another under B, and a page that says whose it is. */
  const twoSessions = async (settings = {}) => {
    const site = await live(adapter, { ...sessionsOnly, ...settings }, (request, response) => {
      response.end(String(request.session.get('name', 'nobody')))
    })
    const far = '2999-01-01 00:00:00'
    for (const [key, name] of [
      [A, 'ann'],
      [B, 'eve'],
    ] as const) {
      const session = site.site.sessions.open()
      session.set('name', name)
      await session.save()
      site.database
        .prepare('UPDATE django_session SET session_key = ?, expire_date = ? WHERE session_key = ?')
        .run(key, far, session.sessionKey as string)
    }
    return site
  }
  const who = (answer: string): string => answer.split('\r\n\r\n')[1] as string

  test.each([
    ['T05', `sessionid=${B}; sessionid=${A}`],
    ['T04', `sessionid=${A}; \u00a0sessionid=${B}`],
    ['T04', `sessionid=${A}; \u0085sessionid=${B}`],
    ['T04', `sessionid=${A}; \xe2\x80\x80sessionid=${B}`],
    ['T04', `sessionid=${A}; sessionid\xe3\x80\x80=${B}`],
    ['T06', `sessionid=${A}; SESSIONID=${B}; SessionId=${B}`],
    ['T07', `sessionid=${A}; =sessionid=${B}`],
    ['T08', `$Version=1; a="x; sessionid=${A}; b=y"`],
    ['T09', `utmz=x,sessionid=${B}; sessionid=${A}; t=[sessionid=${B}]; u=1\tsessionid=${B}`],
  ])('%s: the real cookie wins in %j', async (_, cookie) => {
    await using site = await twoSessions()
    expect(who(await rawGet(site.origin, `Cookie: ${cookie}`))).toBe('ann')
  })

  test("T05: with sessionCookieConflict 'anonymous' two different values are nobody's, and no cookie is deleted", async () => {
    await using site = await twoSessions({ sessionCookieConflict: 'anonymous' })
    let conflicts = 0
    site.site.on('session_cookie_conflict', () => conflicts++)
    const tossed = await rawGet(site.origin, `Cookie: sessionid=${B}; sessionid=${A}`)
    expect(who(tossed)).toBe('nobody')
    expect(tossed).not.toMatch(/set-cookie/i)
    expect(conflicts).toBe(1)
    expect(site.keys().sort()).toEqual([A, B])
    // One value twice is no conflict.
    expect(who(await rawGet(site.origin, `Cookie: sessionid=${A}; sessionid=${A}`))).toBe('ann')
    // Two header lines are one header.
    expect(who(await rawGet(site.origin, `Cookie: sessionid=${A}`, `Cookie: sessionid=${B}`))).toBe('nobody')
    expect(conflicts).toBe(2)
  })

  test('T10: a cookie that is empty or too short is nobody, and a flush never leads to an empty key', async () => {
    await using site = await live(adapter, sessionsOnly, async (request, response) => {
      const before = { key: request.session.sessionKey, data: { ...request.session } }
      if (request.url !== '/') {
        await request.session.flush()
        request.session.set('after', 1)
        if (request.url === '/save') await request.session.save()
      }
      response.end(JSON.stringify(before))
    })
    // What a version with CVE-2015-3982 left behind.
    const poisoned = site.site.sessions.open()
    poisoned.set('name', 'somebody')
    await poisoned.save()
    const { length } = site.keys()
    const row = await site.database.prepare('SELECT session_data, expire_date FROM django_session').get()
    for (const key of ['', ...Array.from({ length: 7 }, (_, i) => 'x'.repeat(i + 1))]) {
      site.database
        .prepare('INSERT INTO django_session (session_key, session_data, expire_date) VALUES (?, ?, ?)')
        .run(key, row?.session_data as string, row?.expire_date as string)
    }
    expect(site.keys()).toHaveLength(length + 8)
    for (const value of ['', '""', ...Array.from({ length: 7 }, (_, i) => 'x'.repeat(i + 1))]) {
      for (const path of ['/', '/flush', '/save']) {
        const visitor = site.visitor()
        const answer = await visitor.get(path, { headers: { Cookie: `sessionid=${value}` } })
        expect(answer.json()).toEqual({ key: null, data: {} })
        const keys = given(answer.setCookies, 'sessionid')
        expect(keys.every((key) => /^[a-z0-9]{32}$/.test(key))).toBe(true)
        expect(keys).toHaveLength(path === '/' ? 0 : 1)
      }
    }
    const known = site.keys()
    expect(known.filter((key) => key === '')).toHaveLength(1)
    expect(known.filter((key) => key.length < 8)).toHaveLength(8)
    expect(known).toHaveLength(length + 8 + 9 * 2)
  })

  test('T12: what could be a path or a pattern reaches no engine', async () => {
    const engine = watched(memoryEngine())
    await using site = await live(adapter, { ...sessionsOnly, sessionEngine: engine }, async (request, response) => {
      const name = request.session.get('name', 'nobody')
      if (request.url === '/exists') await request.session.exists(decodeURIComponent(String(request.headers['x-key'])))
      response.end(name)
    })
    const keys = [
      '../../../etc/passwd',
      '../xxxxxxxx',
      '..%2f..%2fxxxxxxxx',
      '..\\..\\xxxxxxxx',
      '/etc/passwd',
      'C:\\Windows\\win.ini',
      'CON.sessionid',
      '\\\\host\\share',
      'file:///etc/passwd',
      'aaaaaaaa\u00e9',
      'aaaaaaaa.',
      'aaaa*aaaa',
      "' OR 1=1 --",
      'x'.repeat(129),
      'x'.repeat(5000),
    ]
    for (const key of keys) {
      const answer = await rawGet(site.origin, `Cookie: sessionid=${key}`)
      expect([who(answer), answer.slice(9, 12)]).toEqual(['nobody', '200'])
      const asked = await rawGet(site.origin, `X-Key: ${encodeURIComponent(key)}`)
      expect(asked.slice(9, 12)).toBe('200')
    }
    // NUL, LF and CR reach us through quoted cookies.
    for (const octal of ['\\000', '\\012', '\\015']) {
      expect(who(await rawGet(site.origin, `Cookie: sessionid="aaaaaaaa${octal}"`))).toBe('nobody')
    }
    expect(engine.asked).toEqual([])
    // A key of good form does reach it.
    await rawGet(site.origin, `Cookie: sessionid=${A}`)
    expect(engine.asked).toEqual(['load'])
  })

  test('T35: a newline behind a key makes it another, which is nobody', async () => {
    await using site = await twoSessions()
    expect(who(await rawGet(site.origin, `Cookie: sessionid="${A}"`))).toBe('ann')
    expect(who(await rawGet(site.origin, `Cookie: sessionid="${A}\\012"`))).toBe('nobody')
  })
})

test.each([false, true] as const)(
  'T11: 100,000 made-up keys and 100,000 logouts of nobody make no record and no session cookie (saveEveryRequest %s)',
  async (sessionSaveEveryRequest) => {
    const database = memoryDatabase()
    const site = sojourn({
      secretKey: SECRET,
      databases: { default: database },
      middleware: ['sessions', 'auth'],
      sessionSaveEveryRequest,
    })
    let deletions = 0
    for (let i = 0; i < 200_000; i++) {
      const leaves = i % 2 === 1
      const cookie =
        leaves && i % 4 === 1 ? undefined : `sessionid=${randomString(32, 'abcdefghijklmnopqrstuvwxyz0123456789')}`
      const request = {}
      const scope = Scope.open(site, request, requestHead(cookie === undefined ? {} : { cookie }))
      await scope.begin()
      if (leaves) await logout(request)
      else scope.session.get('name')
      const response = responseHead()
      await scope.finish(response)
      if (given(response.cookies, 'sessionid').length > 0) expect(response.cookies).toEqual([])
      deletions += response.cookies.length
    }
    expect(keysOf(database)).toEqual([])
    expect(deletions).toBeGreaterThan(0)
    await site.close()
  },
)
