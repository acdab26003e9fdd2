import { setTimeout as sleep } from 'node:timers/promises'
import type { App } from './apps.js'
import { type Attempt, judge, judgeShared, type Kept, total, type Verdict } from './history.js'
import { retried } from './retried.js'
import { type Forbidden, Visitor } from './visitor.js'

/** Milliseconds that a page thinks at most between what it reads and what it writes. */
const LONGEST_THOUGHT = 5
/** Milliseconds that a visitor waits who was told that something failed. */
const PAUSE = 20

export interface RoundOptions {
  readonly apps: readonly App[]
  readonly forbidden: Forbidden
  readonly random: () => number
  /** How many clients count, each under keys of its own. */
  readonly counters: number
  /** How many clients count under one key that they share. */
  readonly adders: number
}

interface Lane {
  readonly visitor: Visitor
  readonly attempts: Attempt[]
  acknowledged: number
  ask(op: number, think: number): string
}

/**
 * Several clients of one session, each of which asks one thing after the other, of whichever process. A session is good for
 * one round: its lists grow, and with them what a save has to write.
 */
export class Round {
  /** When each process last answered as if its store was there. */
  readonly lastAnswered = new Map<App, number>()
  readonly #options: RoundOptions
  readonly #visitor: Visitor
  readonly #counters: readonly Lane[]
  readonly #adders: readonly Lane[]

  private constructor(options: RoundOptions, visitor: Visitor) {
    this.#options = options
    this.#visitor = visitor
    const lanes = (count: number, ask: (client: number) => Lane['ask']): readonly Lane[] =>
      Array.from({ length: count }, (_, client) => ({
        visitor: visitor.twin(),
        attempts: [],
        acknowledged: 0,
        ask: ask(client),
      }))
    this.#counters = lanes(
      options.counters,
      (client) => (op, think) => `/count?client=${client}&op=${op}&think=${think}`,
    )
    this.#adders = lanes(options.adders, () => (_, think) => `/add?think=${think}`)
  }

  static async begin(options: RoundOptions): Promise<Round> {
    const visitor = new Visitor(options.forbidden)
    await retried(() => visitor.begin(options.apps[0] as App))
    return new Round(options, visitor)
  }

  /** The longest that anybody waited, in milliseconds. */
  get longest(): number {
    return Math.max(this.#visitor.longest, ...this.#lanes.map(({ visitor }) => visitor.longest))
  }

  get cookie(): string {
    return this.#visitor.cookie
  }

  /** How long those waited that waited for too long, in milliseconds. */
  get slow(): readonly number[] {
    return this.#lanes.flatMap(({ visitor }) => visitor.slow)
  }

  get #lanes(): readonly Lane[] {
    return [...this.#counters, ...this.#adders]
  }

  /** Each client goes on asking for as long as it is to, which is told how many of its requests were acknowledged. */
  async run(more: (acknowledged: number, asked: number) => boolean): Promise<void> {
    const { apps, random } = this.#options
    await Promise.all(
      this.#lanes.map(async (lane) => {
        while (more(lane.acknowledged, lane.attempts.length)) {
          const op = lane.attempts.length + 1
          const app = apps[Math.floor(random() * apps.length)] as App
          const think = (random() * LONGEST_THOUGHT).toFixed(1)
          const { ending, page } = await lane.visitor.ask(app, lane.ask(op, Number(think)))
          lane.attempts.push({ op, ending, count: page['count'] as number | undefined })
          if (ending !== 'unknown') this.lastAnswered.set(app, performance.now())
          if (ending === 'acknowledged') lane.acknowledged++
          else await sleep(PAUSE)
        }
      }),
    )
  }

  /** Compares what is kept with what was answered, once the store answers. */
  async verdict(): Promise<Verdict> {
    const kept = await this.#kept()
    for (const { visitor } of this.#lanes) visitor.leave()
    this.#visitor.leave()
    return total([
      ...this.#counters.map(({ attempts }, at) => judge(attempts, kept.clients[at] ?? { count: 0, list: [] })),
      judgeShared(
        this.#adders.map(({ attempts }) => attempts),
        kept.shared,
      ),
    ])
  }

  /** What the session holds: nothing where it is lost. */
  async #kept(): Promise<{ readonly shared: number; readonly clients: readonly Kept[] }> {
    const { apps, counters } = this.#options
    const app = apps.at(-1) as App
    return retried(async () => {
      const { status, page } = await this.#visitor.ask(app, `/kept?clients=${counters}`)
      if (status !== 200) throw new Error(`The session cannot be read: ${status}. ${app.complaints}`)
      if (page.anonymous === true) return { shared: 0, clients: [] }
      return page as unknown as { shared: number; clients: readonly Kept[] }
    })
  }
}
