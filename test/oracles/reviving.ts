import { Agent } from 'node:http'
import { setTimeout as sleep } from 'node:timers/promises'
import type { App } from './apps.js'
import { randomFrom } from './random.js'
import { retried } from './retried.js'
import { Forbidden, Visitor } from './visitor.js'

/** Milliseconds that the request takes which is under way when its visitor logs out. */
const LONGEST_THOUGHT = 20
/** Milliseconds after its begin at which the visitor logs out, at most: sometimes it has been answered then. */
const LATEST_LOGOUT = 25
/** Of so many trials one at most may come to nothing, for a store that is too slow says so; it is made again. */
const FAILING = 20
/** Milliseconds before that. */
const PAUSE = 200

export interface RevivingOptions {
  readonly trials: number
  /** Visitors at once, each with sessions of its own. */
  readonly clients: number
  readonly seed: number
}

export interface RevivingResult {
  readonly trials: number
  /** Those that began or ended with an error, and were made again. */
  readonly failed: number
  /** Sessions that were there after their visitor had logged out. */
  readonly revived: number
  /** How many late requests were answered 200, 400 and otherwise. */
  readonly late: { readonly ok: number; readonly interrupted: number; readonly other: number }
  readonly forbidden: Forbidden
  readonly seconds: number
}

/** A visitor logs out while another request of the same session is at work: afterwards the old cookie names nothing. */
export async function reviving(apps: readonly App[], options: RevivingOptions): Promise<RevivingResult> {
  const { trials, clients, seed } = options
  const random = randomFrom(seed)
  const any = (): App => apps[Math.floor(random() * apps.length)] as App
  const forbidden = new Forbidden()
  const late = { ok: 0, interrupted: 0, other: 0 }
  const began = performance.now()
  let revived = 0
  let failed = 0
  let left = trials

  async function trial(agent: Agent): Promise<void> {
    const visitor = new Visitor(forbidden, agent)
    visitor.mayEnd = true
    if (!(await visitor.begins(any()))) return again()
    const other = visitor.twin(agent)
    const slow = visitor.ask(any(), `/slow?think=${(random() * LONGEST_THOUGHT).toFixed(1)}`)
    await sleep(random() * LATEST_LOGOUT)
    const logout = await other.ask(any(), '/logout')
    const { status } = await slow
    if (logout.ending !== 'acknowledged') return again()
    late[status === 200 ? 'ok' : status === 400 ? 'interrupted' : 'other']++
    // Both processes, for one of them may remember what the other forgot.
    const alive = await Promise.all(apps.map((app) => retried(() => isAlive(visitor.twin(agent), app))))
    if (alive.includes(true)) revived++
  }

  async function again(): Promise<void> {
    left++
    if (++failed > Math.max(trials / FAILING, FAILING)) throw new Error(`${failed} of ${trials} trials failed.`)
    await sleep(PAUSE)
  }

  await Promise.all(
    Array.from({ length: clients }, async () => {
      const agent = new Agent({ keepAlive: true })
      while (left-- > 0) await trial(agent)
      agent.destroy()
    }),
  )
  return { trials, failed, revived, late, forbidden, seconds: (performance.now() - began) / 1000 }
}

/** Whether the visitor's cookie names a session still; throws where the store cannot say so. */
async function isAlive(visitor: Visitor, app: App): Promise<boolean> {
  const { status, page } = await visitor.ask(app, '/kept')
  if (status !== 200) throw new Error(`The session cannot be asked for: ${status}. ${app.complaints}`)
  return page.anonymous !== true
}
