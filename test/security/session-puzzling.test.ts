import { describe, expect, test } from 'vitest'
import { getUser } from '../../src/adapters/api.js'
import { userBackend } from '../../src/auth/part.js'
import { ReservedName } from '../../src/errors.js'
import type { Routes } from '../../src/testing/index.js'
import { everywhere, standing } from './everywhere.js'

const MODEL = 'django.contrib.auth.backends.ModelBackend'
const RESERVED = [
  '_auth_user_id',
  '_auth_user_backend',
  '_auth_user_hash',
  '_session_expiry',
  '_csrftoken',
  '_messages',
]
/** Names that only look like them: a site may use them, and nobody is logged in by them. */
const ALIKE = [
  'auth_user_id',
  '_AUTH_USER_ID',
  '_auth_user_id ',
  ' _auth_user_id',
  '_auth_user_ıd',
  '＿auth_user_id',
  'user',
  'user_id',
]

describe.each(everywhere)('over %s', (adapter) => {
  test('T25: an anonymous visitor who may write any data into the session is nobody all the same', async () => {
    const routes: Routes = {
      '/': async ({ request, session }) =>
        JSON.stringify({ user: (await getUser(request))?.username ?? null, data: { ...(await session()) } }),
      '/keep': async ({ session, query }) => {
        const [name, value] = [query.get('name') as string, query.get('value')]
        try {
          ;(await session()).set(name, value)
          return 'kept'
        } catch (error) {
          if (error instanceof ReservedName) return error.code
          throw error
        }
      },
    }
    await using shop = await standing(adapter, { sessionUserIndex: false }, routes)
    const victim = await userBackend(shop.site).createUser('victim', 'correct horse')
    const visitor = shop.visitor()
    const keep = async (name: string): Promise<string> => {
      const value = name.includes('backend') ? MODEL : String(victim.id)
      return (await visitor.get(`/keep?name=${encodeURIComponent(name)}&value=${encodeURIComponent(value)}`)).text
    }
    for (const name of RESERVED) expect([name, await keep(name)]).toEqual([name, 'reserved_name'])
    expect(shop.keys()).toEqual([])
    for (const name of ALIKE) expect([name, await keep(name)]).toEqual([name, 'kept'])
    const { user, data } = (await visitor.get('/')).json<{ user: string | null; data: object }>()
    expect(user).toBeNull()
    expect(Object.keys(data).sort()).toEqual([...ALIKE].sort())
  })
})
