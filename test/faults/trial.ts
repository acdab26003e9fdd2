import { setTimeout as sleep } from 'node:timers/promises'
import { Application } from './application.js'
import { type FaultName, faults } from './faults.js'
import { Gateway } from './gateway.js'
import { lost, noteLags } from './lag.js'
import { Load } from './load.js'
import { type PageKind, Tally } from './outcomes.js'
import { type Running, type Subject, start } from './subjects.js'
import { Visitor } from './visitor.js'

/** Milliseconds of load before, during and after a fault. */
export interface Times {
  readonly before: number
  readonly during: number
  readonly after: number
}

/** What was seen of one fault. */
export interface Finding {
  readonly tally: Tally
  /** Milliseconds from the server's return to the first good read and the first good write of a session, the later of them. */
  readonly recovery: number
  /** Milliseconds from the server's return to the end of the last clear error. */
  readonly lastError: number
  /** The most connections that the application began in any second of the fault. */
  readonly connects: number
  /** The longest that the machine let this process or the application's wait, in milliseconds. */
  readonly lag: number
  /** Whether the process ended, and what it complained of besides the store. */
  readonly hasCrashed: boolean
  readonly complaints: string
}

const ours = noteLags()

/** A store and the applications that use it, directly and through the gateway. */
export class Trial implements AsyncDisposable {
  readonly #running: Running
  #direct: Application | undefined
  #gateway: Gateway | undefined
  #remote: Application | undefined

  private constructor(running: Running) {
    this.#running = running
  }

  static async start(subject: Subject): Promise<Trial> {
    return new Trial(await start(subject))
  }

  /** Why a fault cannot be tried here. */
  missing(name: FaultName): string | undefined {
    const needsDisk = name === 'full' && this.#running.disk === undefined
    return needsDisk ? 'no disk can be mounted here: that takes root, with CAP_SYS_ADMIN' : undefined
  }

  async try(name: FaultName, { before, during, after }: Times): Promise<Finding> {
    const fault = faults[name]
    const application = fault.isRemote ? await this.#byGateway() : await this.#directly()
    const running = this.#running
    const load = await Load.begin(application)
    await sleep(before)
    load.mayForget = running.subject.forgets && name === 'kill'
    const began = Date.now()
    await fault.begin(running, this.#gateway)
    await sleep(during)
    const over = Date.now()
    const returned = await fault.end(running, this.#gateway)
    await sleep(after)
    const { tally } = load
    // Who needs longer is waited for, so that one knows how long.
    for (let more = 0; more < 100 && recoveryOf(tally, returned) === Number.POSITIVE_INFINITY; more++) await sleep(50)
    await load.end()
    const { connects, lags } = await application.notes()
    // Both processes work on a request.
    tally.findHangs((from, to) => lost([...ours, ...lags], from, to))
    const errors = tally.entries.filter(({ outcome }) => outcome === 'CLEAR_ERROR').map(({ ended }) => ended)
    const { hasCrashed, complaints } = application
    return {
      tally,
      recovery: recoveryOf(tally, returned),
      lastError: Math.max(0, Math.max(...errors) - returned),
      connects: most(connects, began, over),
      lag: Math.max(0, ...[...ours, ...lags].filter(({ at }) => at > began).map(({ late }) => late)),
      hasCrashed,
      complaints,
    }
  }

  /** Kills the server while nobody asks for anything, and starts it again: who comes then can log in, and how is the process? */
  async killIdle(): Promise<Pick<Finding, 'hasCrashed' | 'complaints'>> {
    const application = await this.#directly()
    const visitor = new Visitor(application, new Tally())
    await visitor.arrive('visitor')
    const { server } = this.#running
    await server?.kill()
    await sleep(300)
    await server?.start()
    await visitor.arrive('visitor')
    visitor.leave()
    const { hasCrashed, complaints } = application
    return { hasCrashed, complaints }
  }

  async #directly(): Promise<Application> {
    this.#direct ??= await Application.start({ address: this.#running.address })
    return this.#direct
  }

  async #byGateway(): Promise<Application> {
    if (this.#remote !== undefined) return this.#remote
    const { address, subject, url = '' } = this.#running
    this.#gateway = await Gateway.before(Number(new URL(url).port))
    const door = new URL(url)
    door.port = String(this.#gateway.port)
    this.#remote = await Application.start({ address: { ...address, [subject.victim ?? '']: door.href } })
    return this.#remote
  }

  async [Symbol.asyncDispose](): Promise<void> {
    for (const each of [this.#direct, this.#remote, this.#gateway, this.#running]) await each?.[Symbol.asyncDispose]()
  }
}

/** From the server's return to the first good read and the first good write, the later of them. */
function recoveryOf({ entries }: Tally, returned: number): number {
  const first = (kind: PageKind): number =>
    Math.min(
      ...entries
        .filter((each) => each.kind === kind && each.outcome === 'OK' && each.ended > returned)
        .map(({ ended }) => ended),
    )
  return Math.max(first('read'), first('write')) - returned
}

function most(moments: readonly number[], from: number, to: number): number {
  const during = moments.filter((moment) => moment >= from && moment < to)
  return Math.max(0, ...during.map((first) => during.filter((each) => each >= first && each < first + 1000).length))
}
