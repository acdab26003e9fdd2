import { getSession } from 'sojourn/sveltekit'
import type { RequestHandler } from './$types'

export const GET: RequestHandler = async (event) => {
  const session = await getSession(event)
  const n = event.url.searchParams.get('n')
  if (n !== null) session.n = Number(n)
  return Response.json({ n: session.n })
}

export const POST: RequestHandler = (event) => {
  event.locals.session.n = 7
  return new Response('written')
}
