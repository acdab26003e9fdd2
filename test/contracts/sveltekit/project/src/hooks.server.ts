import type { Handle } from '@sveltejs/kit'
import { sequence } from '@sveltejs/kit/hooks'
import { loginRequired, sojourn } from 'sojourn/sveltekit'
import { building } from '$app/environment'
import { engine } from '$lib/engine'

const sessions = sojourn(
  {
    secretKey: 'a secret of the tests, of more than fifty characters',
    sessionEngine: engine,
    databases: { default: 'sqlite::memory:' },
    loginUrl: '/login',
  },
  { building },
)
sessions.site.on('request_failed', () => undefined)

const guard: Handle = async ({ event, resolve }) => {
  const refused = event.url.pathname === '/account' ? await loginRequired(event) : null
  return refused === null ? resolve(event) : new Response(refused.body, refused)
}

const mark: Handle = async ({ event, resolve }) => {
  const response = await resolve(event)
  response.headers.set('x-marked', 'yes')
  return response
}

/** Twice, and among others. */
export const handle: Handle = sequence(mark, sessions, guard, sessions)
