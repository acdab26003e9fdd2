import type { IncomingMessage, ServerResponse } from 'node:http'
import express from 'express'
import express4 from 'express4'
import { describe, expect, test } from 'vitest'
import { sojourn as onExpress } from '../../src/adapters/express.js'
import { sojourn as onFetch } from '../../src/adapters/fetch.js'
import { sojourn as onNode } from '../../src/adapters/node.js'
import type { SettingsInput } from '../../src/core/settings.js'
import { resolveSettings } from '../../src/core/settings-input.js'
import { ImproperlyConfigured } from '../../src/errors.js'
import { sojourn } from '../../src/sojourn.js'
import { serve, serveFetch } from '../../src/testing/index.js'
import { SECRET } from '../support/sites.js'
import { raw } from './live.js'

type Listener = (request: IncomingMessage, response: ServerResponse) => unknown
const done: Listener = (_request, response) => response.end('done')

const starts = {
  node: (site: ReturnType<typeof sojourn>) => serve(onNode(site).handle(done)),
  express: (site: ReturnType<typeof sojourn>) => serve(express().use(onExpress(site), done)),
  'express, mounted at /hook and /hooks': (site: ReturnType<typeof sojourn>) =>
    serve(express().use(['/hook', '/hooks'], onExpress(site), done).use(onExpress(site), done)),
  'express 4, a router of a router': (site: ReturnType<typeof sojourn>) => {
    const inner = express4.Router().use('/', onExpress(site), done)
    return serve(
      express4().use('/hooks', express4.Router().use('/a', inner), onExpress(site), done).use(onExpress(site), done),
    )
  },
}

/** A form of a stranger's page: nothing but an exemption lets it in. */
async function post(origin: string, target: string): Promise<number> {
  const lines = [
    `POST ${target} HTTP/1.1`,
    'Host: shop.example.com',
    'Origin: https://evil.example',
    'Sec-Fetch-Site: cross-site',
    'Content-Type: application/x-www-form-urlencoded',
    'Content-Length: 3',
    'Connection: close',
  ]
  return Number((await raw(origin, Buffer.from(`${lines.join('\r\n')}\r\n\r\na=b`))).slice(9, 12))
}

async function within(
  settings: object,
  start: keyof typeof starts,
  use: (origin: string) => Promise<void>,
): Promise<void> {
  const site = sojourn({
    secretKey: SECRET,
    sessionEngine: 'memory',
    databases: { default: 'sqlite::memory:' },
    ...settings,
  } as SettingsInput)
  const served = await starts[start](site)
  try {
    await use(served.origin)
  } finally {
    await served.close()
    await site.close()
  }
}

const exact = { csrfExemptPaths: ['/hook/', '/a.b/~c'] }
const prefix = { csrfExemptPaths: ['/hooks/*'] }

describe.each(Object.keys(starts) as (keyof typeof starts)[])('over %s', (start) => {
  test('T39: an exempt path is that path to the letter, and whatever follows its question mark', () =>
    within(exact, start, async (origin) => {
      const taken = ['/hook/', '/hook/?a=/../x', '/hook/?', '/hook/?//', '/a.b/~c']
      const refused = [
        ...['/hook', '/hook//', '//hook/', '/./hook/', '/x/../hook/', '/hook/../x', '/hook/.', '/hook/..', '/hook/x'],
        ...[
          '/hook/;x',
          '/hook;/',
          '/Hook/',
          '/HOOK/',
          '/%68ook/',
          '/hook%2f',
          '/hook%2F',
          '/hook/%2e',
          '/hook/%2e%2e/x',
        ],
        ...[
          '/hook%5c',
          '/hook\\',
          '\\hook\\',
          '/hook/%00',
          '/hook/%20',
          '/hook/%3f',
          '/hooks/',
          '/x/hook/',
          '/',
          '/a.b/~',
        ],
        ...['/a.b/%7Ec', '/aXb/~c', '/x?/hook/', '/x?next=/hook/', '/x#/hook/', 'http://evil.example/hook/'],
        ...['http://shop.example.com/hook/', '//evil.example/hook/', '*'],
      ]
      for (const target of taken) expect([target, await post(origin, target)]).toEqual([target, 200])
      for (const target of refused) {
        // Some of these Node or Express do not even take for a request.
        expect([target, [403, 400, 404].includes(await post(origin, target))]).toEqual([target, true])
      }
    }))

  test('T39: an exempt prefix is of paths that no server reads as another', () =>
    within(prefix, start, async (origin) => {
      const taken = [
        '/hooks/',
        '/hooks/a',
        '/hooks/a/b.c/',
        '/hooks/a?b=../..',
        '/hooks/...',
        '/hooks/.a',
        '/hooks/%C3%A9',
      ]
      const refused = [
        ...['/hooks', '/hooksx', '/hook/', '/Hooks/a', '/x/hooks/a', '//hooks/a', '/./hooks/a', '/x/../hooks/a'],
        ...[
          '/hooks/../admin',
          '/hooks/..',
          '/hooks/.',
          '/hooks/a/./b',
          '/hooks/a/../../admin',
          '/hooks//admin',
          '/hooks/a//b',
        ],
        ...['/hooks/%2e%2e/admin', '/hooks/%2E%2E/admin', '/hooks/.%2e/admin', '/hooks/%2e./admin', '/hooks/a%2e'],
        ...[
          '/hooks/..%2fadmin',
          '/hooks/a%2fb',
          '/hooks/a%2Fb',
          '/hooks/..%5cadmin',
          '/hooks/a%5Cb',
          '/hooks/..\\admin',
        ],
        ...['/hooks/a\\b', '/hooks\\a', '/x?/hooks/a', 'http://shop.example.com/hooks/a'],
      ]
      for (const target of taken) expect([target, await post(origin, target)]).toEqual([target, 200])
      for (const target of refused) {
        expect([target, [403, 400, 404].includes(await post(origin, target))]).toEqual([target, true])
      }
    }))

  test('T39: without a setting, nothing is exempt', () =>
    within({}, start, async (origin) => {
      for (const target of ['/hook/', '/hooks/a', '/']) expect(await post(origin, target)).toBe(403)
    }))
})

test('T39: over Fetch, whose addresses are normalised before anyone sees them, the path that is served counts', async () => {
  const site = sojourn({
    secretKey: SECRET,
    sessionEngine: 'memory',
    databases: { default: 'sqlite::memory:' },
    csrfExemptPaths: ['/hook/', '/hooks/*'],
  } as SettingsInput)
  const served = await serveFetch(
    onFetch(site)((request) => new Response(null, { headers: { 'X-Served': new URL(request.url).pathname } })),
  )
  try {
    const exempt = /^\/hook\/$|^\/hooks\/(?!.*(\/\/|%2f|%5c))/i
    const targets = [
      ...[
        '/hook/',
        '/hook',
        '/hook/../x',
        '//hook/',
        '/x/../hook/',
        '/./hook/',
        '/hook/x',
        '/hook/%2e%2e/x',
        '/hook\\',
      ],
      ...[
        '/hooks/a',
        '/hooks/../admin',
        '/hooks//admin',
        '/hooks/%2e%2e/admin',
        '/hooks/a%2fb',
        '/hooks/a\\..\\..\\admin',
        '/hooks/..%5cadmin',
      ],
    ]
    let passed = 0
    for (const target of targets) {
      const lines = [
        `POST ${target} HTTP/1.1`,
        'Host: a',
        'Origin: https://evil.example',
        'Content-Length: 0',
        'Connection: close',
      ]
      const answer = await raw(served.origin, `${lines.join('\r\n')}\r\n\r\n`)
      const path = /x-served: (.*)\r/i.exec(answer)?.[1]
      if (path === undefined) expect(answer.slice(9, 12)).toMatch(/^(403|)$/)
      else {
        expect([target, path]).toEqual([target, expect.stringMatching(exempt)])
        passed++
      }
    }
    expect(passed).toBeGreaterThanOrEqual(2)
  } finally {
    await served.close()
    await site.close()
  }
})

test('T39: a setting that a router could read as another path is refused', () => {
  const settings = (path: string) => ({ secretKey: SECRET, csrfExemptPaths: [path] }) as SettingsInput
  for (const path of ['/hook', '/hook/', '/hooks/*', '/a.b/.c/...', '/~x/@y']) {
    expect(resolveSettings(settings(path)).csrfExemptPaths).toEqual([path])
  }
  const unclear = [
    '',
    '*',
    'hook',
    '//hook',
    '/a//b',
    '/a//',
    '/./hook',
    '/a/../hook',
    '/hooks/../*',
    '/a/.',
    '/a/..',
    '/..',
  ]
  const written = [
    '/a%2fb',
    '/%68ook',
    '/a\\b',
    '/a?b',
    '/a#b',
    '/a b',
    '/a\n',
    '/hook*',
    '/hooks/*/x',
    '/hooks/**',
    'http://a/hook',
  ]
  for (const path of [...unclear, ...written]) {
    expect(() => resolveSettings(settings(path)), path).toThrow(ImproperlyConfigured)
  }
})
