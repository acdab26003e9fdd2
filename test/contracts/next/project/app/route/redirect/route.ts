import { redirect } from 'next/navigation'
import { getSession } from 'sojourn/next'
import { withSession } from '../../../lib/sessions'

export const GET = withSession(async (request) => {
  const session = await getSession(request)
  session.n = 7
  redirect('/read')
})
