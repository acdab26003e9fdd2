import type { PageServerLoad } from './$types'

export const load: PageServerLoad = ({ locals }) => ({ n: locals.session.get('n', 0) })
