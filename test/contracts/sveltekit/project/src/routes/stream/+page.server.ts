import { setTimeout as sleep } from 'node:timers/promises'
import type { PageServerLoad } from './$types'

export const load: PageServerLoad = ({ locals: { session } }) => {
  session.n = 1
  return { late: late() }

  /** What is streamed after the page: too late for the session, but for a transaction. */
  async function late(): Promise<string> {
    await sleep(50)
    let code = 'nothing'
    try {
      session.n = 2
    } catch (error) {
      code = (error as { code: string }).code
    }
    await session.transact((fresh) => {
      fresh.n = fresh.get('n', 0) + 10
    })
    return `late: ${code}`
  }
}
