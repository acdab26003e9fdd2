import type { PageServerLoad } from './$types'

/** An endpoint of the same site, asked by the server. */
export const load: PageServerLoad = async ({ fetch, locals, url }) => {
  if (url.searchParams.has('own')) locals.session.n = 9
  await fetch('/n?n=5')
  return {}
}
