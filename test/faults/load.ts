import { setTimeout as sleep } from 'node:timers/promises'
import type { Application } from './application.js'
import { Tally } from './outcomes.js'
import { type Answer, Visitor } from './visitor.js'

/** Milliseconds between an answer and the next question of the same visitor, on average. */
const THINKING = 25
/** Bytes that a write brings along, so that a full disk is noticed. */
const PAD = 3000

/** How many visitors of each kind. Those of `sharing` have one session, and each its own key in it. */
const VISITORS = { reading: 3, writing: 3, sharing: 3, comingAndGoing: 3, plain: 1, plainWithCookie: 2 } as const

/** A steady load of requests by visitors who remember what they were told, and what becomes of each. */
export class Load {
  readonly tally = new Tally()
  /** From then on a session may be gone, as its server keeps nothing. */
  mayForget = false
  readonly #application: Application
  readonly #members: Member[] = []
  readonly #ended: string[] = []
  #running: Promise<unknown> = Promise.resolve()
  #isOver = false

  private constructor(application: Application) {
    this.#application = application
  }

  /** Logs everybody in, which must work, and lets them go. */
  static async begin(application: Application): Promise<Load> {
    const load = new Load(application)
    const alone = VISITORS.reading + VISITORS.writing + VISITORS.comingAndGoing + VISITORS.plainWithCookie
    for (let i = 0; i < alone; i++) load.#members.push(await load.#newMember(`visitor${i}`, `k${i}`))
    const shared = await load.#newMember('visitors', 's0')
    load.#members.push(shared)
    for (let i = 1; i < VISITORS.sharing; i++) load.#members.push(load.#memberBeside(shared, `s${i}`))
    // How they came in is not what is tried.
    load.tally.entries.length = 0
    load.#run()
    return load
  }

  /** Lets everybody finish, and looks at whether all that was acknowledged is there, and nothing that was ended. */
  async end(): Promise<void> {
    this.#isOver = true
    await this.#running
    await Promise.all(this.#members.map((member) => this.#verify(member)))
    const visitor = new Visitor(this.#application, this.tally)
    for (const cookie of this.#ended) {
      visitor.cookie = cookie
      await visitor.ask('read', '/read', ({ page }) => (page.owner == null ? 'OK' : 'REVIVED'))
    }
    visitor.leave()
    for (const member of this.#members) member.leave()
  }

  async #newMember(owner: string, key: string): Promise<Member> {
    const member = new Member(this, new Visitor(this.#application, this.tally), owner, key)
    // A process that has just begun, or a server that has just come back, may need a moment.
    for (let tries = 0; !(await member.login()); tries++) {
      if (tries === 50) throw new Error(`Nobody can log in. ${this.#application.complaints}`)
      await sleep(100)
    }
    return member
  }

  #memberBeside(other: Member, key: string): Member {
    const member = new Member(this, new Visitor(this.#application, this.tally), other.owner, key)
    member.visitor.cookie = other.visitor.cookie
    member.isIn = true
    return member
  }

  #run(): void {
    const rest = [...this.#members]
    const some = (count: number): Member[] => rest.splice(0, count)
    const roles: [Member[], (member: Member) => Promise<unknown>][] = [
      [some(VISITORS.reading), (member) => member.read()],
      [some(VISITORS.writing), (member) => member.write()],
      [some(VISITORS.comingAndGoing), (member) => this.#comeAndGo(member)],
      [some(VISITORS.plainWithCookie), (member) => member.plain()],
      [some(VISITORS.sharing), (member) => member.write()],
      [[new Member(this, new Visitor(this.#application, this.tally), '', '')], (member) => member.plain()],
    ]
    this.#running = Promise.all(
      roles.flatMap(([members, act]) =>
        members.map(async (member) => {
          while (!this.#isOver) {
            await act(member)
            await sleep(THINKING * (0.5 + Math.random()))
          }
        }),
      ),
    )
  }

  async #comeAndGo(member: Member): Promise<void> {
    await member.write()
    await member.read()
    if (!member.isIn) return
    const { cookie } = member.visitor
    if (!(await member.logout())) return
    this.#ended.push(cookie)
    const late = new Visitor(this.#application, this.tally)
    late.cookie = cookie
    await late.ask('read', '/read', ({ page }) => (page.owner == null ? 'OK' : 'REVIVED'))
    late.leave()
  }

  /** The store is well again: a clear error may come at first, and no more after some seconds. */
  async #verify(member: Member): Promise<void> {
    const end = performance.now() + 5000
    while (member.isIn && !(await member.read()) && performance.now() < end) await sleep(50)
  }
}

/** A visitor, and what he knows of his session. */
class Member {
  readonly visitor: Visitor
  readonly owner: string
  /** Whether he has a session, for all he knows. */
  isIn = false
  readonly #load: Load
  readonly #key: string
  /** What he was told is stored, and the last that he tried to store. */
  #acknowledged = 0
  #tried = 0
  /** A logout that failed may have been done. */
  #mayBeOut = false

  constructor(load: Load, visitor: Visitor, owner: string, key: string) {
    this.#load = load
    this.visitor = visitor
    this.owner = owner
    this.#key = key
  }

  async login(): Promise<boolean> {
    const { answer } = await this.visitor.ask('login', `/login?owner=${this.owner}`, ({ page, cookie }) =>
      page.owner !== this.owner || !cookie || cookie === this.visitor.cookie ? 'WRONG_ERROR' : 'OK',
    )
    if (answer.status !== 200 || answer.cookie === undefined) return false
    this.visitor.cookie = answer.cookie
    this.isIn = true
    this.#acknowledged = 0
    this.#tried = 0
    this.#mayBeOut = false
    return true
  }

  /** Whether the session was read, or is known to be gone. */
  async read(): Promise<boolean> {
    if (!this.isIn) return this.login()
    const { answer } = await this.visitor.ask('read', `/read?key=${this.#key}`, (given) => {
      const wrong = this.#wrongOwner(given)
      if (wrong !== null) return wrong
      const { n = 0 } = given.page
      if (n < this.#acknowledged) return 'FALSE_ACK'
      return n > this.#tried ? 'CROSS_USER' : 'OK'
    })
    return answer.status === 200
  }

  async write(): Promise<void> {
    if (!this.isIn) return void (await this.login())
    const n = ++this.#tried
    const { outcome } = await this.visitor.ask('write', `/write?key=${this.#key}&n=${n}&pad=${PAD}`, (given) => {
      return this.#wrongOwner(given) ?? 'OK'
    })
    if (outcome === 'OK') this.#acknowledged = n
  }

  /** Whether it was acknowledged. */
  async logout(): Promise<boolean> {
    this.#mayBeOut = true
    const { answer } = await this.visitor.ask('logout', '/logout', () => 'OK')
    if (answer.status !== 200) return false
    this.#forget()
    return true
  }

  async plain(): Promise<void> {
    await this.visitor.ask('plain', '/plain', ({ cookie }) => {
      if (cookie === undefined) return 'OK'
      if (!this.#load.mayForget) return 'COOKIE_WIPED'
      this.#forget()
      return 'OK'
    })
  }

  leave(): void {
    this.visitor.leave()
  }

  #wrongOwner({ status, page }: Answer): 'DECLARED' | 'SILENT_ANON' | 'CROSS_USER' | null {
    // The session ended while the page was being made.
    const isGone = status === 400 || (status === 200 && page.owner === null)
    if (!isGone) return page.owner === this.owner ? null : 'CROSS_USER'
    if (!this.#mayBeOut && !this.#load.mayForget) return 'SILENT_ANON'
    this.#forget()
    return 'DECLARED'
  }

  #forget(): void {
    this.isIn = false
    this.visitor.cookie = ''
    this.#acknowledged = 0
    this.#tried = 0
  }
}
