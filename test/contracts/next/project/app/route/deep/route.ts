import { getSession, type Session } from 'sojourn/next'
import { getRequest, withSession } from '../../../lib/sessions'

export const GET = withSession(async () => {
  await write(3)
  return new Response('written')
})

/** Far below a handler, where nobody has its request. */
async function write(n: number): Promise<void> {
  const session: Session = await getSession(await getRequest())
  session.n = n
}
