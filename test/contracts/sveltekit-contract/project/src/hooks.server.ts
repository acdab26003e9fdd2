import type { Handle } from '@sveltejs/kit'
import { sojourn } from 'sojourn/sveltekit'
import { contractHost, fetchHandler } from 'sojourn/testing'

const host = contractHost((site, app) => {
  const sessions = sojourn(site)
  return (_request: Request, { event, resolve }: Parameters<Handle>[0]) => {
    event.locals.app = app
    return sessions({ event, resolve })
  }
})
const answer = fetchHandler(host)

export const handle: Handle = (input) => answer(input.event.request, input)
