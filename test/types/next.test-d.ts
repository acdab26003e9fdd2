// Compiled, never run: each line below an `@ts-expect-error` must not compile, and every other line must.
import type { ReadonlySession } from '../../src/adapters/next/readonly-session.js'
import type { NextSessions } from '../../src/adapters/next.js'

interface Shop {
  username: string
  cart: string[]
}

declare const sessions: NextSessions
declare const session: ReadonlySession<Shop>

type Equal<A, B> = (<T>() => T extends A ? 1 : 2) extends <T>() => T extends B ? 1 : 2 ? true : false
const same = <_ extends true>(): void => {}

same<Equal<typeof session.username, string | undefined>>()
const cart = session.get('cart', [])
same<Equal<typeof cart, readonly string[] | never[]>>()
// @ts-expect-error only to be read
session.username = 'john_doe'
// @ts-expect-error nor what is in it
session.cart?.push('mug')
// @ts-expect-error nor by a method
session.set('username', 'john_doe')
// @ts-expect-error it ends where a cookie can be taken away
session.flush()
// @ts-expect-error an unknown key
session.get('usename')

// What Next calls has neither the request of an action nor that of sojourn's.
const add = sessions.action(async (_request, form: FormData) => String(form.get('item')))
same<Equal<typeof add, (form: FormData) => Promise<string>>>()
const bound = sessions.action(async (_request, id: number, _before: string, _form: FormData) => id)
same<Equal<typeof bound, (id: number, _before: string, _form: FormData) => Promise<number>>>()

class NextRequest extends Request {
  readonly nextUrl = new URL('http://localhost/')
}
const GET = sessions.withSession((request: NextRequest, context: { params: Promise<{ id: string }> }) => {
  void context.params.then(({ id }) => id)
  return new Response(request.nextUrl.pathname)
})
same<Equal<Parameters<typeof GET>, [request: NextRequest, context: { params: Promise<{ id: string }> }]>>()
// @ts-expect-error a route handler answers
sessions.withSession(() => 'text')
