import type { SettingsInput } from 'sojourn'
import { authenticate, getUser, logout, updateSessionAuthHash, userBackend } from 'sojourn/auth'
import { csrfInput, getSession, sojourn } from 'sojourn/fetch'
import { messages } from 'sojourn/messages'
import { issueSessionToken } from 'sojourn/tokens'
import type { ModelUser } from '../../src/auth/model-user.js'
import type { Site } from '../../src/core/site.js'
import { SECRET } from '../support/sites.js'

export const PASSWORD = 'a long password'

export type Ask = (method: string, path: string, headers?: Readonly<Record<string, string>>) => Promise<Response>

export interface TokenSite {
  readonly site: Site
  readonly ann: ModelUser
  readonly ask: Ask
  /** Logs in for an audience and gives the token. */
  token(aud?: string): Promise<string>
}

/**
 * A site with an API for programs. Each page says who is here, and how often this session wrote.
 *
 * @param meanwhile what happens before a page ends that has given its session another key
 */
export async function tokenSite(settings: SettingsInput = {}, meanwhile?: () => Promise<void>): Promise<TokenSite> {
  const withSession = sojourn({
    secretKey: SECRET,
    pbkdf2Iterations: 10,
    databases: { default: 'sqlite::memory:' },
    sessionTokenAudiences: ['app'],
    csrfExemptPaths: ['/token'],
    ...settings,
  })
  const { site } = withSession
  await site.migrate()
  const users = userBackend(site)
  const ann = await users.createUser('ann', PASSWORD)
  const pages: Readonly<Record<string, (request: Request) => Promise<unknown>>> = {
    '/token': async (request) => {
      const { searchParams } = new URL(request.url)
      const user = await authenticate(request, { username: 'ann', password: PASSWORD })
      const age = searchParams.has('age') ? Number(searchParams.get('age')) : undefined
      return user && issueSessionToken(request, { user, aud: searchParams.get('aud') ?? 'app', age })
    },
    '/write': async (request) => {
      const session = await getSession(request)
      session.set('written', Number(session.get('written', 0)) + 1)
    },
    '/message': async (request) => {
      messages.info(request, 'hello')
      csrfInput(request)
    },
    '/logout': async (request) => logout(request),
    '/slow': async (request) => {
      await (await getSession(request)).cycleKey()
      await meanwhile?.()
    },
    '/cycle': async (request) => (await getSession(request)).cycleKey(),
    '/password': async (request) => {
      await getUser(request)
      await updateSessionAuthHash(request, await users.setPassword(ann, 'another password'))
    },
  }
  const handler = withSession(async (request) => {
    const path = new URL(request.url).pathname
    const given = await pages[path]?.(request)
    if (path === '/token') return Response.json(given)
    const user = await getUser(request)
    const session = await getSession(request)
    return new Response(`${user?.username ?? 'nobody'} ${session.get('written', 0)}`)
  })
  const ask: Ask = (method, path, headers = {}) =>
    handler(new Request(`http://example.com${path}`, { method, headers: { host: 'example.com', ...headers } }))
  return {
    site,
    ann,
    ask,
    token: async (aud = 'app') => {
      const response = await ask('POST', `/token?aud=${aud}`)
      return ((await response.json()) as { token: string }).token
    },
  }
}

export const bearer = (token: string): Record<string, string> => ({ authorization: `Bearer ${token}` })
