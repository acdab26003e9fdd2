import { type H3Event, HTTPResponse, readBody } from 'nitro/h3'
import { csrfInput, getMessages, getUser } from 'sojourn/h3'
import type { Shown } from '../../shared/pages'

/** What every page shows. */
export async function shown(event: H3Event): Promise<Shown> {
  const user = await getUser(event)
  return {
    csrf: csrfInput(event),
    username: user?.username,
    cart: event.context.session.get('cart'),
    notes: [...getMessages(event)].map(({ message }) => String(message)),
  }
}

export function page(markup: string): HTTPResponse {
  return new HTTPResponse(markup, { headers: { 'Content-Type': 'text/html; charset=utf-8' } })
}

export async function form(event: H3Event): Promise<Record<string, unknown>> {
  return (await readBody<Record<string, unknown>>(event)) ?? {}
}
