import { describe, expect, test } from 'vitest'
import { checkPassword, makePassword } from '../../src/auth/index.js'
import { need } from '../support/debian.js'
import { run } from '../support/run.js'
import { findDjango } from './home.js'

const HASHERS = ['pbkdf2_sha256', 'pbkdf2_sha1', 'argon2', 'bcrypt_sha256', 'scrypt'] as const
const PASSWORDS = ['correct horse', '', 'lètmein 🔑', 'x'.repeat(100)]

/** Says of each of our hashes whether it is right, and makes one of its own for each password. */
const PROGRAM = `
import json, os
from django.conf import settings
given = json.loads(os.environ['SOJOURN_HASHES'])
settings.configure(PASSWORD_HASHERS=given['hashers'])
from django.contrib.auth.hashers import PBKDF2PasswordHasher, check_password, make_password
# The bytes are the same after fewer rounds. The vectors have hashes of as many as Django makes by itself.
PBKDF2PasswordHasher.iterations = 20_000
print(json.dumps({
    'right': [check_password(p, e) for p, e in given['hashes']],
    'wrong': [check_password(p + 'x', e) for p, e in given['hashes']],
    'made': [(p, make_password(p, hasher=a)) for p in given['passwords'] for a in given['algorithms']],
}))
`

interface Said {
  readonly right: readonly boolean[]
  readonly wrong: readonly boolean[]
  readonly made: readonly (readonly [password: string, encoded: string])[]
}

describe.each([undefined, 'bookworm'] as const)('a Django of %s', async (suite) => {
  const [home, missing] = [await findDjango(suite), await need(['python3-argon2', 'python3-bcrypt'])]
  const why = missing ?? ('missing' in home ? home.missing : undefined)

  test.skipIf(why !== undefined)(
    `reads the hashes that sojourn makes, and the other way (${why ?? 'all of them'})`,
    async () => {
      if ('missing' in home) throw new Error(home.missing)
      // A Django of 2021 knows no scrypt.
      const algorithms = HASHERS.filter((name) => name !== 'scrypt' || !home.version.startsWith('3.'))
      const classes = {
        pbkdf2_sha256: 'PBKDF2',
        pbkdf2_sha1: 'PBKDF2SHA1',
        argon2: 'Argon2',
        bcrypt_sha256: 'BCryptSHA256',
        scrypt: 'Scrypt',
      }
      const hashers = algorithms.map((name) => `django.contrib.auth.hashers.${classes[name]}PasswordHasher`)
      const hashes: (readonly [string, string])[] = []
      for (const password of PASSWORDS) {
        for (const name of algorithms) {
          hashes.push([password, await makePassword(password, { hashers: [name], iterations: 1000 })])
        }
      }
      const python = { PYTHONPATH: home.pythonPath, PYTHONPYCACHEPREFIX: home.bytecode }
      const SOJOURN_HASHES = JSON.stringify({ hashers, hashes, algorithms, passwords: PASSWORDS })
      // Debian's own Python, for which Debian's libraries are.
      const { stdout, stderr } = await run('/usr/bin/python3', ['-c', PROGRAM], {
        env: { ...process.env, ...python, SOJOURN_HASHES },
      })
      if (stdout === '') throw new Error(stderr)
      const said = JSON.parse(stdout) as Said
      expect(said.right).toEqual(hashes.map(() => true))
      expect(said.wrong).toEqual(hashes.map(() => false))
      expect(said.made).toHaveLength(PASSWORDS.length * algorithms.length)
      for (const [password, encoded] of said.made) {
        expect([await checkPassword(password, encoded), await checkPassword(`${password}x`, encoded)]).toEqual([
          true,
          false,
        ])
      }
    },
    120_000,
  )
})
