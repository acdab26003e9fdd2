import { messages } from 'sojourn/sveltekit'
import type { Actions } from './$types'

export const actions: Actions = {
  async default(event) {
    const { session } = event.locals
    const item = String((await event.request.formData()).get('item'))
    session.cart = [...session.get('cart', []), item]
    messages.success(event, `${item} is in the cart.`)
  },
}
