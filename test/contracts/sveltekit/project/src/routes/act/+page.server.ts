import { error, fail, type RequestEvent, redirect } from '@sveltejs/kit'
import { csrfField, getMessages, messages } from 'sojourn/sveltekit'
import type { Actions, PageServerLoad } from './$types'

export const load: PageServerLoad = (event) => {
  return { csrf: csrfField(event), notes: [...getMessages(event)].map(String) }
}

async function write(event: RequestEvent): Promise<void> {
  const form = await event.request.formData()
  event.locals.session.n = Number(form.get('n'))
}

export const actions: Actions = {
  async stay(event) {
    await write(event)
    event.cookies.set('mine', 'a:b', { path: '/' })
    messages.success(event, 'done')
  },
  async leave(event) {
    await write(event)
    redirect(303, '/act')
  },
  async refuse(event) {
    await write(event)
    return fail(400, { wrong: true })
  },
  async miss(event) {
    await write(event)
    error(404, 'gone')
  },
  async broken(event) {
    await event.locals.session.cycleKey()
    await write(event)
    throw new Error('the action failed, as it was asked to')
  },
}
