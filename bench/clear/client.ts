/**
 * A visitor who comes at a steady rate, reads a session and writes one in turn. Its arguments: the database, how many sessions. It does
 * not wait for answers: what is late counts from when it was due.
 */
import { sojourn } from 'sojourn'
import { answerParent } from '../child.js'
import { smallSession } from '../subjects/pages.js'
import { SECRET } from '../subjects/secret.js'

/** Milliseconds. */
export interface Latencies {
  readonly requests: number
  readonly failed: number
  readonly p50: number
  readonly p99: number
  readonly most: number
}

const [url = '', sessions = '100'] = process.argv.slice(2)
const site = sojourn({ secretKey: SECRET, databases: { default: url } })
const keys: string[] = []
let latencies: number[] = []
let failed = 0
let timer: NodeJS.Timeout | undefined

async function ready(): Promise<number> {
  while (keys.length < Number(sessions)) {
    const session = site.sessions.open()
    session.update(smallSession())
    await session.save()
    keys.push(String(session.sessionKey))
  }
  return keys.length
}

function begin(rate: number): void {
  const start = performance.now()
  let turn = 0
  const due = (): number => start + (turn * 1000) / rate
  const go = (): void => {
    for (let at = due(); at <= performance.now(); at = due()) void visit(turn++, at)
    timer = setTimeout(go, Math.max(due() - performance.now(), 0))
  }
  go()
}

async function visit(turn: number, due: number): Promise<void> {
  try {
    const session = site.sessions.open(keys[turn % keys.length] ?? null)
    await session.load()
    if (session.get('username') !== 'john_doe') throw new Error('The session is not there.')
    if (turn % 2 === 1) {
      session.set('count', Number(session.get('count')) + 1)
      await session.save()
    }
  } catch (error) {
    if (failed++ === 0) console.error(error)
  }
  latencies.push(performance.now() - due)
}

/** What there was since the last time. */
function take(): Latencies {
  const sorted = latencies.toSorted((a, b) => a - b)
  const of = (part: number): number => sorted[Math.min(Math.floor(sorted.length * part), sorted.length - 1)] ?? 0
  const taken = { requests: sorted.length, failed, p50: of(0.5), p99: of(0.99), most: of(1) }
  latencies = []
  failed = 0
  return taken
}

answerParent({ ready, begin, take, stop: () => clearTimeout(timer) })
