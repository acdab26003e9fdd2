import { mkdirSync, mkdtempSync, readdirSync, rmSync, statSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, describe, expect, test } from 'vitest'
import { signedCodec } from '../../src/codecs/signed.js'
import type { SessionEngine } from '../../src/core/types.js'
import { fileEngine } from '../../src/engines/file.js'
import { type DjangoHome, findDjango, type Suite } from '../django/home.js'
import { run } from '../support/run.js'
import { SECRET } from '../support/sites.js'

const KEY = 'a'.repeat(32)
const AGE = 5000

/** Django's file engine on the folder; `code` finds `args`, and `Store`, its class of sessions, and sets `answer`. */
const script = (code: string): string => `
import json, sys
from django.conf import settings
folder, args = json.loads(sys.argv[1])
settings.configure(SECRET_KEY=${JSON.stringify(SECRET)}, SESSION_FILE_PATH=folder, SESSION_COOKIE_AGE=${AGE},
    USE_TZ=True, SESSION_ENGINE='django.contrib.sessions.backends.file',
    SESSION_SERIALIZER='django.contrib.sessions.serializers.JSONSerializer')
import django
django.setup()
from django.contrib.sessions.backends.file import SessionStore as Store
answer = None
${code}
print(json.dumps(answer))
`

let folder: string
let engine: SessionEngine
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'sojourn-file-'))
  engine = fileEngine({ folder, codec: signedCodec({ secretKey: SECRET }), sessionCookieAge: AGE })
})
afterEach(() => rmSync(folder, { recursive: true }))

const record = (data: Record<string, string>, seconds = AGE) => ({
  cells: new Map(Object.entries(data)),
  expires: Date.now() + seconds * 1000,
})

describe.each([
  [undefined, 'the newest Django here', /^[56]\./],
  ['bookworm', 'Django 3.2', /^3\.2\./],
] as const)('%s: with %s on the same folder', (suite: Suite | undefined, _, expected) => {
  let home: DjangoHome | { readonly missing: string }
  beforeEach(async ({ skip }) => {
    home = await findDjango(suite)
    if ('missing' in home) return skip(home.missing)
    expect(home.version).toMatch(expected)
  })

  async function django<T>(code: string, args: unknown = null): Promise<T> {
    const { python, pythonPath, bytecode } = home as DjangoHome
    const env = { ...process.env, PYTHONPATH: pythonPath, PYTHONPYCACHEPREFIX: bytecode, PYTHONNOUSERSITE: '1' }
    const ended = await run(python, ['-c', script(code), JSON.stringify([folder, args])], { env })
    if (ended.code !== 0) throw new Error(`Python ended with ${ended.code}: ${ended.stderr}`)
    return JSON.parse(ended.stdout) as T
  }

  test('each reads what the other wrote, and writes on', async () => {
    const [key, size] = await django<[string, number]>(
      's = Store(); s["cart"] = [1.0, 2**60 + 1, "é"]; s.save(); answer = [s.session_key, len(s._session)]',
    )
    expect(size).toBe(1)
    const loaded = await engine.load(key)
    expect([...(loaded?.cells ?? [])]).toEqual([['cart', '[1.0,1152921504606846977,"\\u00e9"]']])
    const cells = new Map([...(loaded?.cells ?? []), ['ours', '"\\u05e2"']])
    expect(await engine.save(key, { ...record({}), cells }, loaded?.version)).toHaveProperty('version')
    const seen = await django('s = Store(args); answer = dict(s.items()); s["theirs"] = 1; s.save()', key)
    expect(seen).toEqual({ cart: [1, 2 ** 60, 'é'], ours: 'ע' })
    expect([...((await engine.load(key))?.cells.keys() ?? [])]).toEqual(['cart', 'ours', 'theirs'])
    expect(await engine.save(key, record({}), loaded?.version)).toBe('conflict')
  })

  test('a session that one deleted is gone for the other, whose late save is refused', async () => {
    const { version } = (await engine.create(KEY, record({ a: '1' }))) as { version: unknown }
    await django('Store(args).delete()', KEY)
    expect(await engine.save(KEY, record({ a: '2' }), version)).toBe('missing')
    const key = await django<string>('s = Store(); s.create(); answer = s.session_key')
    const late = `
import time
from django.contrib.sessions.backends.base import UpdateError
s = Store(args); s["a"] = 1
import os; os.unlink(s._key_to_file())
try:
    s.save()
except UpdateError:
    answer = 'UpdateError'
`
    expect(await django(late, key)).toBe('UpdateError')
    expect(readdirSync(folder)).toEqual([])
  })

  test('both end a session at the same moment, also one that was touched or ends before its age', async () => {
    const endOf = 's = Store(args); answer = s._expiry_date(s.load()).timestamp() * 1000'
    for (const seconds of [AGE, 60]) {
      const kept = record({ a: '1' }, seconds)
      await engine.delete(KEY)
      await engine.create(KEY, kept)
      expect(Math.abs((await django<number>(endOf, KEY)) - kept.expires)).toBeLessThan(1)
    }
    const later = Date.now() + 777_000
    expect(await engine.touch?.(KEY, later)).toBe('saved')
    expect(Math.abs((await django<number>(endOf, KEY)) - later)).toBeLessThan(1)
    expect(await engine.touch?.(KEY, Date.now() - 1)).toBe('saved')
    expect(await engine.load(KEY)).toBeNull()
    expect(await django('s = Store(args); answer = dict(s.items())', KEY)).toEqual({})
    const ends = await django<number>(`s = Store(); s["a"] = 1; s.save(); args = s.session_key
answer = [args, s._expiry_date({}).timestamp() * 1000]`)
    const [key, theirs] = ends as unknown as [string, number]
    expect(Math.abs(((await engine.load(key))?.expires?.() ?? 0) - theirs)).toBeLessThan(1)
  })

  test("Django's clear_expired takes the sessions that are over, and neither locks nor files that are being written", async () => {
    const OVER = 'b'.repeat(32)
    await engine.create(KEY, record({ a: '1' }))
    await engine.create(OVER, record({ a: '1' }, -1))
    const ours = [`.sessionid${KEY}_lock`, `.sessionid_new_${'x'.repeat(20)}`]
    for (const name of ours) mkdirSync(join(folder, name))
    await django('Store.clear_expired()')
    expect(readdirSync(folder).sort()).toEqual([...ours, `sessionid${KEY}`].sort())
    expect(statSync(join(folder, `sessionid${KEY}`)).size).toBeGreaterThan(0)
  })

  test('clearExpired takes what Django let expire, and leaves the rest', async () => {
    const [over, alive] = await django<[string, string]>(`
import os, time
answer = []
for age in (${AGE} + 5, ${AGE} - 100):
    s = Store(); s["a"] = 1; s.save(); answer.append(s.session_key)
    os.utime(s._key_to_file(), (time.time() - age,) * 2)
`)
    expect(await engine.clearExpired?.()).toBe(1)
    expect([await engine.exists(over), await engine.exists(alive)]).toEqual([false, true])
  })
})
