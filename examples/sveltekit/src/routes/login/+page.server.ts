import { redirect } from '@sveltejs/kit'
import { authenticate, login, messages } from 'sojourn/sveltekit'
import type { Actions } from './$types'

export const actions: Actions = {
  async default(event) {
    const user = await authenticate(event, Object.fromEntries(await event.request.formData()))
    if (user === null) {
      messages.error(event, 'Wrong name or password.')
      redirect(303, '/login')
    }
    await login(event, user)
    redirect(303, '/')
  },
}
