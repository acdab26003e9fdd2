import type { Asking } from '../core/asking.js'
import * as commit from '../core/commit.js'
import { EXPIRY_KEY } from '../core/expiry.js'
import { orElse } from '../core/maybe.js'
import type { Scope } from '../core/scope.js'
import { untilDone } from '../core/until-done.js'
import { StoreUnavailable } from '../errors.js'
import { copyValues } from './copy-values.js'
import { type Forwarded, Forwarding } from './forwarding.js'
import type { ImportOptions } from './options.js'

/** Milliseconds after which somebody who began to move a session, and did not end, is taken for dead. */
const LEASE = 10_000
/** Milliseconds that a request waits for another process that moves its session, and how often it looks. */
const PATIENCE = 2000
const LOOK_EVERY = 25
/** Milliseconds that a logout is remembered where nobody could say how long the old session lives: browsers keep no cookie for longer (RFC 6265bis). */
const LONGEST = 400 * 86_400_000
/** How often a session may be nobody's and yet not to be claimed. Then its forwarding address is past its end, and was not swept yet. */
const TRIES = 5

/** How it ended: with a session of ours, with an old one that is worth nothing any more, or there is nothing to move. */
export type Moved = 'moved' | 'spent' | 'nothing'

/** One request's try to go on with an old session. */
export class Move<Old extends object> {
  readonly #scope: Scope
  readonly #id: string
  readonly #options: ImportOptions<Old>
  readonly #asking: Asking
  readonly #forwarding: Forwarding

  constructor(scope: Scope, id: string, options: ImportOptions<Old>, asking: Asking) {
    this.#scope = scope
    this.#id = id
    this.#options = options
    this.#asking = asking
    this.#forwarding = new Forwarding(scope.site.store, options.name, id)
  }

  /** Throws `StoreUnavailable`, and whatever `map` throws; then nothing was moved and the next request may try. */
  run(): Promise<Moved> {
    // Those of this process go one after the other: the first one moves, the others find where it went.
    return this.#scope.site.store.turns.take(this.#forwarding.name, () => this.#run(), true)
  }

  async #run(): Promise<Moved> {
    const { clock } = this.#scope.site.settings
    // By the machine's own clock: the site's may be turned, or stand.
    const giveUp = performance.now() + PATIENCE
    for (let tries = 0; tries < TRIES; ) {
      const known = await this.#forwarding.find()
      if (known !== null && known.to !== null) return this.#join(known, known.to)
      // Also one that was made in the future, by a clock that is ahead: it holds nobody up for longer.
      if (known !== null && Math.abs(clock() - known.at) < LEASE) {
        if (performance.now() > giveUp) throw new StoreUnavailable('Another process is still moving this old session.')
        await new Promise((resolve) => setTimeout(resolve, LOOK_EVERY))
        continue
      }
      const old = await this.#old()
      if (old === null) {
        if (await this.#isNobodys()) return 'nothing'
        tries++
        continue
      }
      const claimed = await this.#forwarding.claim(known, this.#endOf(old))
      if (claimed === null) tries++
      else if (!(await this.#fill(old, claimed))) return 'nothing'
      else if (await this.#settled(claimed)) return 'moved'
    }
    return 'spent'
  }

  /** The old session's data, if there are any. What is past its end counts as gone, also where its store still gives it. */
  async #old(): Promise<Old | null> {
    const old = await this.#asking.ask('get', () => this.#options.get(this.#id))
    if (!old || Object.keys(old).length === 0) return null
    const end = this.#endOf(old) ?? Number.POSITIVE_INFINITY
    return end > this.#scope.site.settings.clock() ? old : null
  }

  /** What is no number (a date that nobody could read) tells nothing. */
  #endOf(old: Old): number | undefined {
    const end = this.#options.endOf?.(old)
    return Number.isNaN(end) ? undefined : end
  }

  /** Between our look for a forwarding address and that for the old session somebody may have moved it. */
  async #isNobodys(): Promise<boolean> {
    const known = await this.#forwarding.find()
    return known === null || known.to === null
  }

  /**
   * Goes on with the session that it was moved to: as long as requests and answers may be under way that know nothing of it, and for however long
   * no answer has told of it, because the store went away at the wrong moment.
   */
  async #join(known: Forwarded, to: string): Promise<Moved> {
    const { state, site } = this.#scope
    const { grace = 60 } = this.#options
    const isLate = site.settings.clock() - known.at > grace * 1000
    if (to === '' || (known.isTold === true && isLate)) return 'spent'
    // No answer follows that could tell of it: it waits for one that can.
    if (known.isTold !== true && state.sealed) throw state.refusal()
    const loaded = await site.store.open(to)
    if (loaded === null) {
      // It has another key by now, or was ended; what the browser has is that one's affair.
      state.endedElsewhere = true
      return 'spent'
    }
    state.key = to
    site.store.settle(state, loaded)
    this.#tell()
    if (known.isTold !== true) await this.#noteTold(known)
    return 'moved'
  }

  /** Lets `map` fill the new session and stores it under a key of its own; false if it kept nothing. */
  async #fill(old: Old, claimed: Forwarded): Promise<boolean> {
    const { state, session, request } = this.#scope
    const { map = copyValues } = this.#options
    try {
      await map(old, session, request)
      await commit.settlePending(state)
      if (state.key === null && state.keys().some((key) => key !== EXPIRY_KEY)) await commit.save(state)
    } catch (error) {
      await this.#undo(claimed)
      throw error
    }
    if (state.key === null) await this.#undo(claimed)
    return state.key !== null
  }

  /** Says where the session went, and then lets the old one go. False if somebody else moved it meanwhile. */
  async #settled(claimed: Forwarded): Promise<boolean> {
    const { state } = this.#scope
    const key = state.key as string
    let settled: Forwarded | null
    try {
      settled = await this.#forwarding.settle(claimed, key)
    } catch (error) {
      // If it was written all the same, the visitor finds the session by it, and else should not have to wait until our claim is over.
      void untilDone(() => this.#giveUp(claimed, key))
      throw error
    }
    if (settled === null) {
      await commit.flush(state)
      return false
    }
    this.#tell()
    await this.#noteTold(settled)
    return true
  }

  /** Takes back a claim of which nothing came, and the session that nobody can find then. */
  async #giveUp(claimed: Forwarded, key: string): Promise<true> {
    const known = await this.#forwarding.find()
    // What was under way to the claim may arrive between these two lines: then it leads to the session, and stays.
    if (known?.to === null && (await this.#forwarding.release(claimed)))
      await this.#scope.site.sessions.open(key).flush()
    return true
  }

  /** The answer to this request is sure to carry the new key, also if it is an error: from now on the old one leads there for `grace`, and no longer. */
  async #noteTold(known: Forwarded): Promise<void> {
    await persistently(async () => {
      await this.#forwarding.tell(known)
      return true
    })
    if (this.#options.keep !== true) await this.destroy()
  }

  /** The visitor has to hear of the new key, whatever becomes of the page: the old one leads nowhere. */
  #tell(): void {
    const { state } = this.#scope
    state.modified = true
    state.cycled = true
  }

  /** As if nothing had been begun. What cannot be taken back is so when the claim is over. */
  async #undo(claimed: Forwarded): Promise<void> {
    await orElse(
      () => commit.flush(this.#scope.state),
      () => undefined,
    )
    await orElse(
      () => this.#forwarding.release(claimed),
      () => undefined,
    )
  }

  /** The visitor has logged out of a session that came after the old one, so the old one is over too. */
  async bar(): Promise<void> {
    const bar = async (): Promise<boolean> => {
      const known = await this.#forwarding.find()
      if (known !== null && known.to !== null) return this.#revoked(known, known.to)
      // Whatever visitors make up would fill the store. Where the old store cannot say whether it knows it, it is barred.
      const old = await orElse(
        () => this.#old(),
        () => undefined,
      )
      if (old === null) return true
      return this.#barred(known, old ? this.#endOf(old) : this.#scope.site.settings.clock() + LONGEST)
    }
    await persistently(bar)
    await this.destroy()
  }

  /** What an answer has told of is the visitor's own, and over. What none has told of would be open to whoever comes by the old cookie. */
  async #revoked(known: Forwarded, to: string): Promise<boolean> {
    if (to === '' || known.isTold === true) return true
    if (!(await this.#barred(known, known.until))) return false
    await this.#scope.site.sessions.open(to).flush()
    return true
  }

  async #barred(known: Forwarded | null, lasts: number | undefined): Promise<boolean> {
    const claimed = await this.#forwarding.claim(known, lasts)
    return claimed !== null && (await this.#forwarding.settle(claimed, '')) !== null
  }

  /** Forgets the old session. Where its store fails just now it is tried again beside the traffic: nobody is moved twice meanwhile. */
  async destroy(): Promise<void> {
    await persistently(async () => {
      await this.#asking.ask('destroy', () => this.#options.destroy?.(this.#id))
      return true
    })
  }
}

async function persistently(step: () => Promise<boolean>): Promise<void> {
  try {
    if (await step()) return
  } catch {
    // Later, as what was refused.
  }
  void untilDone(step)
}
