import { getSession } from 'sojourn/next'
import { withSession } from '../../../lib/sessions'

export const GET = withSession(async (request) => {
  const session = await getSession(request)
  const n = new URL(request.url).searchParams.get('n')
  if (n !== null) session.n = Number(n)
  return Response.json({ n: session.n })
})
