import Link from 'next/link'
import { getSession } from '../../lib/sessions'
import { addToCart } from '../actions'
import { Notes } from '../notes'

export default async function Cart() {
  const session = await getSession()
  return (
    <>
      <Notes />
      <h1>Cart</h1>
      <ul>
        {session.get('cart', []).map((item, i) => (
          <li key={i}>{item}</li>
        ))}
      </ul>
      <form action={addToCart}>
        <label>
          Item <input name="item" required />
        </label>
        <button>Add</button>
      </form>
      <p>
        <Link href="/">Home</Link>
      </p>
    </>
  )
}
