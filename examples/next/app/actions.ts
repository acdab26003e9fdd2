'use server'

import { redirect } from 'next/navigation'
import { authenticate, getSession, login, messages } from 'sojourn/next'
import { action } from '../lib/sessions'

export const logIn = action(async (request, form: FormData) => {
  const user = await authenticate(request, Object.fromEntries(form))
  if (user === null) {
    messages.error(request, 'Wrong name or password.')
    redirect('/login')
  }
  await login(request, user)
  redirect('/')
})

export const addToCart = action(async (request, form: FormData) => {
  const session = await getSession(request)
  const item = String(form.get('item'))
  session.cart = [...session.get('cart', []), item]
  messages.success(request, `${item} is in the cart.`)
  redirect('/cart')
})
