import { setTimeout as sleep } from 'node:timers/promises'
import { Application } from './application.js'
import { type FaultName, faults } from './faults.js'
import { Gateway } from './gateway.js'
import { Load } from './load.js'
import type { Entry, Tally } from './outcomes.js'
import { type Running, type Subject, start } from './subjects.js'

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
  /** Whether the process ended, and what it complained of besides the store. */
  readonly hasCrashed: boolean
  readonly complaints: string
}

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
    await load.end()
    const { entries } = load.tally
    const good = (kind: Entry['kind']): number =>
      Math.min(
        ...entries.filter((each) => each.kind === kind && each.outcome === 'OK' && each.ended > returned).map(endOf),
      )
    const errors = entries.filter(({ outcome }) => outcome === 'CLEAR_ERROR').map(endOf)
    const { hasCrashed, complaints } = application
    return {
      tally: load.tally,
      recovery: Math.max(good('read'), good('write')) - returned,
      lastError: Math.max(0, Math.max(...errors) - returned),
      connects: hasCrashed ? 0 : most(await application.connects(), began, over),
      hasCrashed,
      complaints,
    }
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

function endOf({ ended }: Entry): number {
  return ended
}

function most(moments: readonly number[], from: number, to: number): number {
  const during = moments.filter((moment) => moment >= from && moment < to)
  return Math.max(0, ...during.map((first) => during.filter((each) => each >= first && each < first + 1000).length))
}
