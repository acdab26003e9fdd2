import { expect, test } from 'vitest'
import { openCache } from '../../src/caches/open.js'

test.each([
  ['valkey://u:tiger@h', "'valkey:' is none of them; did you mean redis:?"],
  ['rediss+clutser://h', 'did you mean rediss+cluster:?'],
  [['memcache://tiger'], 'did you mean memcached:?'],
  ['tiger', 'rediss+sentinel:'],
  [{}, 'an open client of redis or ioredis'],
])('what names no cache is an error that says what does: %j', (location, words) => {
  const open = (): unknown => openCache(location, { clock: Date.now })
  expect(open).toThrow(words)
  expect(open).not.toThrow(/tiger/)
})
