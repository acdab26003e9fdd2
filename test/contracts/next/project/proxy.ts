import { type NextRequest, NextResponse } from 'next/server'
import { getSession, requireLogin } from 'sojourn/next'
import { proxy } from './lib/sessions'

export default proxy(async (request: NextRequest) => {
  const { pathname, searchParams } = request.nextUrl
  if (pathname === '/guarded') {
    const refused = await requireLogin(request)
    return refused === null ? undefined : new Response(refused.body, refused)
  }
  if (pathname !== '/proxied') return undefined
  const session = await getSession(request)
  if (searchParams.has('n')) session.n = Number(searchParams.get('n'))
  if (searchParams.has('cycle')) await session.cycleKey()
  const headers = new Headers(request.headers)
  headers.set('x-added', 'by the proxy')
  return searchParams.has('plain') ? undefined : NextResponse.next({ request: { headers } })
})

export const config = { matcher: ['/form', '/static', '/proxied', '/guarded'] }
