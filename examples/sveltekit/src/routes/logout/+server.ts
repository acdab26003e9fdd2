import { redirect } from '@sveltejs/kit'
import { logout } from 'sojourn/sveltekit'
import type { RequestHandler } from './$types'

export const POST: RequestHandler = async (event) => {
  await logout(event)
  redirect(303, '/')
}
