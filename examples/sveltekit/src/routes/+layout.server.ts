import { csrfField, getMessages, getUser } from 'sojourn/sveltekit'
import type { LayoutServerLoad } from './$types'

export const load: LayoutServerLoad = async (event) => {
  // Asked for, so that SvelteKit loads this again for each page: no message stays on the next one.
  const { pathname } = event.url
  const user = await getUser(event)
  return {
    pathname,
    csrf: csrfField(event),
    username: user?.username ?? 'Guest',
    isGuest: user === null,
    cart: event.locals.session.get('cart', []),
    notes: [...getMessages(event)].map(({ message }) => message),
  }
}
