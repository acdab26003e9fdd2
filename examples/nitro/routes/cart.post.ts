import { defineHandler, redirect } from 'nitro/h3'
import { messages } from 'sojourn/h3'
import { form } from '../utils/page'

export default defineHandler(async (event) => {
  const { session } = event.context
  const item = String((await form(event)).item)
  session.cart = [...session.get('cart', []), item]
  messages.success(event, `${item} is in the cart.`)
  return redirect('/cart')
})
