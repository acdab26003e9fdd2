import fc from 'fast-check'
import { expect, test } from 'vitest'
import { BadSignature, ImproperlyConfigured, SessionValueError, SignatureExpired } from '../../src/errors.js'
import { encodeJson } from '../../src/wire/json.js'
import { dumps, JsonSigner, loads, packBody, Signer, TimestampSigner, unpackBody } from '../../src/wire/signing.js'
import { anyText, jsonValue, sameValue } from './arbitraries.js'

const key = 'a secret of the tests'
const clock = { ms: 1_700_000_000_000 }
const now = (): number => clock.ms
const session = { user: 84, note: 'é' }

function* bitFlips(text: string): Generator<string> {
  for (let i = 0; i < text.length; i++) {
    for (let bit = 1; bit < 256; bit <<= 1) {
      yield text.slice(0, i) + String.fromCharCode(text.charCodeAt(i) ^ bit) + text.slice(i + 1)
    }
  }
}

test('what was signed comes back, whatever text it is', () => {
  const signer = new Signer({ key, salt: 'x' })
  const timed = new TimestampSigner({ key, now })
  fc.assert(
    fc.property(anyText, (text) => {
      fc.pre(!/\p{Surrogate}/u.test(text))
      expect(signer.unsign(signer.sign(text))).toBe(text)
      expect(timed.unsign(timed.sign(text))).toBe(text)
    }),
  )
})

test('what was dumped is loaded, compressed or not, under any key and salt', () => {
  fc.assert(
    fc.property(jsonValue, fc.boolean(), fc.string({ minLength: 1 }), fc.string(), (value, compress, secret, salt) => {
      const text = dumps(value, { key: secret, salt, compress, now })
      expect(text).toMatch(/^[\w.:-]+$/)
      expect(sameValue(loads(text, { key: secret, salt, now }), value)).toBe(true)
      expect(new JsonSigner({ key: secret, salt, now }).unsign(text)).toBe(encodeJson(value))
    }),
  )
})

test('a signed text with any one bit flipped is refused', () => {
  const json = new JsonSigner({ key, salt: 's', now })
  const signer = new Signer({ key })
  for (const text of [json.sign(encodeJson(session)), json.sign(encodeJson('b'.repeat(200)))]) {
    expect(json.unsign(text)).not.toBeNull()
    for (const flipped of bitFlips(text)) expect(json.unsign(flipped)).toBeNull()
  }
  for (const flipped of bitFlips(signer.sign('value'))) expect(() => signer.unsign(flipped)).toThrow(BadSignature)
})

test('a signed text cut anywhere, or with anything added, is refused', () => {
  const signer = new JsonSigner({ key, salt: 's', now })
  const text = signer.sign(encodeJson(session))
  for (let length = 0; length < text.length; length++) expect(signer.unsign(text.slice(0, length))).toBeNull()
  for (const more of ['=', 'A', ' ', '\n', '\0', ':']) {
    expect(signer.unsign(text + more)).toBeNull()
    expect(signer.unsign(more + text)).toBeNull()
  }
})

test('arbitrary text is refused as a value and never throws anything but BadSignature', () => {
  const signer = new JsonSigner({ key, now })
  fc.assert(
    fc.property(
      fc.oneof(
        anyText,
        fc.string().map((text) => `${text}:1r31eq:${text}`),
      ),
      (text) => {
        expect(signer.unsign(text)).toBeNull()
        expect(() => loads(text, { key, now })).toThrow(BadSignature)
      },
    ),
  )
})

test('T35 a newline behind a signature or a stamp is refused', () => {
  const signer = new JsonSigner({ key, now })
  const inner = new Signer({ key, salt: 'django.core.signing' })
  expect(signer.unsign(inner.sign('e30:1r31eq'))).toBe('{}')
  expect(signer.unsign(`${inner.sign('e30:1r31eq')}\n`)).toBeNull()
  expect(signer.unsign(inner.sign('e30:1r31eq\n'))).toBeNull()
})

test('other keys, other salts and other signers do not open it', () => {
  const text = dumps(session, { key, salt: 's', now })
  expect(loads(text, { key: new TextEncoder().encode(key), salt: 's', now })).toEqual(session)
  expect(() => loads(text, { key: `${key}x`, salt: 's', now })).toThrow(BadSignature)
  expect(() => loads(text, { key, salt: 'S', now })).toThrow(BadSignature)
  expect(() => loads(text, { key, now })).toThrow(BadSignature)
  expect(() => loads(text, { key, salt: 's', algorithm: 'sha512', now })).toThrow(BadSignature)
})

test('half a surrogate pair is neither signed nor opened: UTF-8 would write all halves alike', () => {
  const signer = new Signer({ key })
  expect(() => signer.sign('\ud800')).toThrow(BadSignature)
  const text = signer.sign('\ufffd')
  expect(signer.unsign(text)).toBe('\ufffd')
  expect(() => signer.unsign(text.replace('\ufffd', '\ud800'))).toThrow(BadSignature)
})

test('fallback keys open and never sign', () => {
  const old = new JsonSigner({ key: 'old', now })
  const older = new JsonSigner({ key: 'older', now })
  const current = new JsonSigner({ key, fallbackKeys: ['old', 'older'], now })
  expect(current.unsign(old.sign('{}'))).toBe('{}')
  expect(current.unsign(older.sign('{}'))).toBe('{}')
  expect(current.unsign(new JsonSigner({ key: 'dropped', now }).sign('{}'))).toBeNull()
  expect(current.sign('{}')).toBe(new JsonSigner({ key, now }).sign('{}'))
})

test('a signature expires after maxAge seconds, and not at it', () => {
  const signer = new TimestampSigner({ key, now })
  const json = new JsonSigner({ key, now })
  clock.ms = 1_700_000_000_999
  const text = signer.sign('v')
  const body = json.sign('{}')
  const ageIs = (seconds: number): number => (clock.ms = 1_700_000_000_000 + seconds * 1000)
  ageIs(10)
  expect(signer.unsign(text, { maxAge: 10 })).toBe('v')
  expect(json.unsign(body, 10)).toBe('{}')
  ageIs(10.001)
  expect(() => signer.unsign(text, { maxAge: 10 })).toThrow(SignatureExpired)
  expect(json.unsign(body, 10)).toBeNull()
  expect(json.unsign(body)).toBe('{}')
  ageIs(-100)
  expect(signer.unsign(text, { maxAge: 0 })).toBe('v')
  ageIs(0)
})

test('a well signed text without a stamp, or without JSON, is refused like a badly signed one', () => {
  const inner = new Signer({ key, salt: 'django.core.signing' })
  for (const rubbish of ['e30', 'e30:', 'e30:-', 'e30:é', ':1r31eq', 'bm90:1r31eq', '.e30:1r31eq', 'e:1r31eq']) {
    expect(() => loads(inner.sign(rubbish), { key, now }), rubbish).toThrow(BadSignature)
  }
})

test('no error says what was signed or with what', () => {
  const attempts: (() => unknown)[] = [
    () => loads('hunter2:hunter2:hunter2', { key: 'hunter2' }),
    () => loads(new Signer({ key: 'hunter2', salt: 'django.core.signing' }).sign('hunter2:1r31eq'), { key: 'hunter2' }),
    () => loads(dumps('hunter2', { key, now: () => 0 }), { key, maxAge: 1 }),
    () => dumps({ a: () => 'hunter2' }, { key: 'hunter2' }),
  ]
  for (const attempt of attempts) expect(attempt).toThrow(/^((?!hunter2).)*$/)
  expect(attempts.at(-1)).toThrow(SessionValueError)
})

test('a missing or empty key and an unsafe separator are refused at once', () => {
  for (const bad of ['', new Uint8Array(0), undefined as unknown as string, 5 as unknown as string]) {
    expect(() => new Signer({ key: bad })).toThrow(ImproperlyConfigured)
    expect(() => new JsonSigner({ key, fallbackKeys: [bad] })).toThrow(ImproperlyConfigured)
  }
  expect(() => new TimestampSigner({ key, sep: '_' })).toThrow(ImproperlyConfigured)
})

test('a body is compressed only where it gets shorter by more than the dot, and from the length asked for', () => {
  expect(packBody('{}', true)).toBe('e30')
  expect(packBody(`"${'b'.repeat(200)}"`, true)).toMatch(/^\.eJ/)
  expect(packBody(`"${'b'.repeat(200)}"`, false)).toMatch(/^Im/)
  const long = `"${'b'.repeat(98)}"`
  expect(new JsonSigner({ key, compressFrom: 100, now }).sign(long)).toMatch(/^\./)
  expect(new JsonSigner({ key, compressFrom: 101, now }).sign(long)).toMatch(/^I/)
})

test('JSON that is not ASCII is packed as the ASCII that means the same', () => {
  expect(unpackBody(packBody('{"é":"\u2028\ud83d\ude00"}', false), 1000)).toBe('{"\\u00e9":"\\u2028\\ud83d\\ude00"}')
})

test('a limit holds for what is packed and for what is not, to the byte', () => {
  const json = `"${'b'.repeat(98)}"`
  for (const compress of [true, false]) {
    expect(unpackBody(packBody(json, compress), 100)).toBe(json)
    expect(unpackBody(packBody(json, compress), 99)).toBeNull()
  }
  const text = new JsonSigner({ key, now }).sign(json)
  expect(new JsonSigner({ key, now, maxBytes: 99 }).unsign(text)).toBeNull()
  expect(() => loads(text, { key, now, maxBytes: 99 })).toThrow(BadSignature)
})
