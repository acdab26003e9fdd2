import { defineHandler, redirect } from 'nitro/h3'
import { logout } from 'sojourn/h3'

export default defineHandler(async (event) => {
  await logout(event)
  return redirect('/')
})
