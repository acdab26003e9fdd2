import { createHash } from 'node:crypto'
import { constantTimeEqual } from '../../wire/crypto.js'
import type { Hasher } from './hasher.js'

/**
 * One round of a fast digest, which a graphics card guesses by the billion: only for reading what a Django of old has left, where
 * `passwordHashers` names it.
 */
function oldHasher(digest: 'md5' | 'sha1', pattern: RegExp, prefix: (salt: string) => string): Hasher {
  const encode = async (password: string, salt: string): Promise<string> =>
    prefix(salt) + createHash(digest).update(salt).update(password).digest('hex')
  return {
    cost: {},
    encode,
    decode(encoded) {
      const match = pattern.exec(encoded)
      return match === null ? null : { salt: match[1] ?? '', cost: {} }
    },
    async verify(password, encoded) {
      const match = pattern.exec(encoded)
      // Django's unsalted MD5 may stand with or without the word before it.
      const [, salt = ''] = match ?? []
      const wanted = encoded.includes('$') ? encoded : prefix('') + encoded
      return match !== null && constantTimeEqual(await encode(password, salt), wanted)
    },
  }
}

export const md5 = oldHasher('md5', /^md5\$([^$]+)\$[0-9a-f]{32}$/, (salt) => `md5$${salt}$`)
export const sha1 = oldHasher('sha1', /^sha1\$([^$]+)\$[0-9a-f]{40}$/, (salt) => `sha1$${salt}$`)
export const unsaltedMd5 = oldHasher('md5', /^(?:md5\$\$)?()[0-9a-f]{32}$/, () => 'md5$$')
export const unsaltedSha1 = oldHasher('sha1', /^sha1\$\$()[0-9a-f]{40}$/, () => 'sha1$$')
