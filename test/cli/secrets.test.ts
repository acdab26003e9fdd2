import { expect, test } from 'vitest'
import { withoutSecrets } from '../../src/cli/secrets.js'

function shown(text: string, env: Record<string, string>, database?: string): string {
  return withoutSecrets(text, { env, out: () => undefined, err: () => undefined }, database)
}

test.each([
  ['refused: s3cret', { DATABASE_URL: 'postgres://shop:s3cret@h/d' }, 'refused: ***'],
  ['refused: s3c@ret', { DATABASE_URL: 'postgres://shop:s3c%40ret@h/d' }, 'refused: ***'],
  ['no host abcd@h', { CACHE_URL: 'redis://:wxyz@abcd@h' }, 'no host ***@h'],
  ['s3cret and s3cret-longer', { CACHES: '{"a":"redis://:s3cret@h","b":"redis://:s3cret-longer@h"}' }, '*** and ***'],
  ['p4ss, q4ss', { DATABASES: '{"default":"postgres://h/d?password=p4ss&sslpassword=q4ss"}' }, '***, ***'],
  ['the-key, old-1, old-2', { SECRET_KEY: 'the-key', SECRET_KEY_FALLBACKS: 'old-1,old-2' }, '***, ***, ***'],
  ['the-key, old-1', { SECRET_KEY: 'the-key', SECRET_KEY_FALLBACKS: '["old-1"]' }, '***, ***'],
  ['a shop at h:5432', { DATABASE_URL: 'postgres://shop:a@h:5432/d' }, 'a shop at h:5432'],
])('a message is shown without passwords and keys: %s', (text, env, clean) => {
  expect(shown(text, env as Record<string, string>)).toBe(clean)
})

test('those of the option count too', () => {
  expect(shown('s3cret', {}, 'mysql://shop:s3cret@h/d')).toBe('***')
})
