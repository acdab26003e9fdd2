import * as zlib from 'node:zlib'
import { afterEach, expect, test, vi } from 'vitest'
import { base64url } from '../../src/wire/crypto.js'
import { JsonSigner, Signer, unpackBody } from '../../src/wire/signing.js'

// The real inflateSync, watched.
vi.mock('node:zlib', async (importOriginal) => {
  const original = await importOriginal<typeof zlib>()
  return { ...original, inflateSync: vi.fn(original.inflateSync) }
})

afterEach(() => void vi.mocked(zlib.inflateSync).mockClear())

const key = 'a secret of the tests'
const bomb = '.' + base64url(zlib.deflateSync(Buffer.alloc(64 * 1024 * 1024)))
const signer = new JsonSigner({ key })

test('T31 a bomb that nobody signed is refused before it is inflated', () => {
  expect(signer.unsign(`${bomb}:1r31eq:${'A'.repeat(43)}`)).toBeNull()
  expect(zlib.inflateSync).not.toHaveBeenCalled()
})

test('T31 a signed bomb is stopped at the limit', () => {
  const signed = new Signer({ key, salt: 'django.core.signing' }).sign(`${bomb}:1r31eq`)
  expect(signer.unsign(signed)).toBeNull()
  expect(zlib.inflateSync).toHaveBeenCalledOnce()
  expect(vi.mocked(zlib.inflateSync).mock.results).toMatchObject([
    { type: 'throw', value: { code: 'ERR_BUFFER_TOO_LARGE' } },
  ])
})

test('T31 a body that is over the limit before it is inflated is not inflated', () => {
  expect(unpackBody(bomb, 1000)).toBeNull()
  expect(zlib.inflateSync).not.toHaveBeenCalled()
})
