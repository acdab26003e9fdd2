import { describe, expect, test } from 'vitest'
import { csrfInput, getToken } from '../../src/adapters/api.js'
import type { Routes } from '../../src/testing/index.js'
import { everywhere, standing } from './everywhere.js'
import { raw } from './live.js'

const HOST = 'shop.example.com'
const SCRIPT = '"><script>alert(1)</script>'
const attacks = [
  SCRIPT,
  `${SCRIPT}${'A'.repeat(32 - SCRIPT.length)}`,
  `${SCRIPT}${'A'.repeat(64 - SCRIPT.length)}`,
  "'onmouseover='alert(1)",
  '%22%3E%3Cscript%3E',
  '"\\042\\076\\074script\\076alert(1)"',
  '<img/src=x/onerror=alert(1)>',
  `${'A'.repeat(31)}"`,
  `${'A'.repeat(63)}<`,
  'A'.repeat(31),
  '\xe9'.repeat(32),
]

describe.each(everywhere)('over %s', (adapter) => {
  const routes: Routes = {
    '/': ({ request }) => `<form method="post">${csrfInput(request)}</form><p>${getToken(request)}</p>`,
  }
  const ask = async (
    origin: string,
    method: string,
    ...lines: readonly string[]
  ): Promise<readonly [head: string, body: string]> => {
    const all = [`${method} / HTTP/1.1`, `Host: ${HOST}`, 'Connection: close', ...lines, '', '']
    const [head = '', body = ''] = (await raw(origin, all.join('\r\n'))).split('\r\n\r\n')
    return [head, body]
  }

  test.each([false, true])(
    'T62: a cookie that is no secret is replaced, and nothing of it comes back (debug %s)',
    async (debug) => {
      await using shop = await standing(adapter, { middleware: ['sessions', 'csrf'], debug }, routes)
      for (const value of attacks) {
        const [head, page] = await ask(shop.origin, 'GET', `Cookie: csrftoken=${value}`)
        expect(page).toMatch(
          /<form method="post"><input type="hidden" name="csrfmiddlewaretoken" value="\w{64}"><\/form><p>\w{64}<\/p>/,
        )
        expect(head).toMatch(/set-cookie: csrftoken=[A-Za-z0-9]{32}; /i)
        const post = (...more: readonly string[]) => ask(shop.origin, 'POST', 'Content-Length: 0', ...more)
        const refusals = [
          await post(`Cookie: csrftoken=${value}`),
          await post(`Cookie: csrftoken=${'A'.repeat(32)}`, `X-CSRFToken: ${value}`),
          await post(`Origin: http://evil.example/${value}`),
          await post(`Sec-Fetch-Site: ${value}`),
        ]
        for (const [headOf, body] of refusals) {
          expect(headOf).toMatch(/^HTTP\/1\.1 403 /)
          expect(body).toContain('This form was not accepted')
          expect(body).not.toMatch(/<(?:script|img)/i)
        }
        for (const text of [head, page, ...refusals.slice(0, 2).flat()]) {
          if (value.length > 2) expect(text.replace(/csrftoken=[A-Za-z0-9]{32};/i, '')).not.toContain(value)
        }
      }
    },
  )
})
