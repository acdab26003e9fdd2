import { getSession } from 'sojourn/next'
import { add } from '../../../lib/actions'
import { withSession } from '../../../lib/sessions'

/** Calls an action as any other function. */
export const GET = withSession(async (request) => {
  const session = await getSession(request)
  session.n = 10
  const form = new FormData()
  form.set('n', '3')
  await add(form)
  session.n += 100
  return new Response('called')
})
