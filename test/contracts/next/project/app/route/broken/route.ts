import { getSession } from 'sojourn/next'
import { withSession } from '../../../lib/sessions'

export const GET = withSession(async (request) => {
  const session = await getSession(request)
  if (new URL(request.url).searchParams.has('cycle')) await session.cycleKey()
  session.n = 9
  throw new Error('the handler failed, as it was asked to')
})
