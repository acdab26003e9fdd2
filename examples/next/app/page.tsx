import Link from 'next/link'
import { csrfField, getUser } from 'sojourn/next'
import { getRequest, getSession } from '../lib/sessions'
import { Notes } from './notes'

export default async function Home() {
  const request = await getRequest()
  const session = await getSession()
  const user = await getUser(request)
  return (
    <>
      <Notes />
      <h1>Hello, {user?.username ?? 'Guest'}</h1>
      <p>
        Your cart holds {session.get('cart', []).length}. <Link href="/cart">To the cart</Link>
      </p>
      {user === null ? (
        <p>
          <Link href="/login">Log in</Link>
        </p>
      ) : (
        // To a route handler, which wants the token. Forms of server actions need none.
        <form method="post" action="/logout">
          <input {...csrfField(request)} />
          <button>Log out</button>
        </form>
      )}
    </>
  )
}
