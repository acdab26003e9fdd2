import { logout } from 'sojourn/next'
import { withSession } from '../../lib/sessions'

export const POST = withSession(async (request) => {
  await logout(request)
  // Next's own redirect() would ask for another POST here.
  return new Response(null, { status: 303, headers: { Location: '/' } })
})
