import { defineHandler, redirect } from 'nitro/h3'
import { authenticate, login, messages } from 'sojourn/h3'
import { form } from '../utils/page'

export default defineHandler(async (event) => {
  const user = await authenticate(event, await form(event))
  if (user === null) {
    messages.error(event, 'Wrong name or password.')
    return redirect('/login')
  }
  await login(event, user)
  return redirect('/')
})
