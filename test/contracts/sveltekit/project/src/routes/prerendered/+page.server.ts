import { csrfField } from 'sojourn/sveltekit'
import type { PageServerLoad } from './$types'

export const prerender = true

/** What each throws while the site is built. */
export const load: PageServerLoad = (event) => {
  const { session } = event.locals
  const tries = { read: () => session.get('n'), write: () => (session.n = 1), token: () => csrfField(event) }
  const codes = Object.entries(tries).map(([name, attempt]) => {
    try {
      attempt()
      return [name, 'nothing']
    } catch (error) {
      return [name, (error as { code: string }).code]
    }
  })
  return { codes: Object.fromEntries(codes) }
}
