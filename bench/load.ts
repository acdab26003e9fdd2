/** The load generator: a process that asks one server as fast as it answers, and looks at what it says. */

import { answerParent } from './child.js'
import { type Answer, Connection, cookiesOf, requestBytes } from './client.js'

/** What to ask for. */
export interface Target {
  readonly port: number
  readonly path: string
  /** The cookies to take in turn; none at all if it is empty. */
  readonly cookies: readonly string[]
  /** As in `Workload`. */
  readonly answer: string | null
}

export interface LoadOptions extends Target {
  readonly connections: number
  readonly ms: number
}

export interface LoadResult {
  readonly answered: number
  /** Answers that were not 200, or not the right ones. */
  readonly wrong: number
  readonly elapsedMs: number
  readonly p50: number
  readonly p99: number
  /** How much of its own cpu the generator used; near 1 it is the bottleneck, and the rate is its own. */
  readonly busy: number
}

/** Clients of one session that count at once. */
export interface Counting {
  readonly port: number
  readonly clients: number
  /** How often each of them counts. */
  readonly times: number
}

/** The headers that tell how a library treats caches. */
export interface Look {
  readonly wrong: number
  readonly setCookie: number
  readonly vary: number
}

async function load({ connections, ms, ...target }: LoadOptions): Promise<LoadResult> {
  const requests = requestsOf(target)
  const latencies: number[] = []
  let wrong = 0
  let turn = 0
  const cpuBefore = process.cpuUsage()
  const start = performance.now()
  const end = start + ms
  const opened = Array.from({ length: connections }, () => new Connection(target.port))
  const run = (connection: Connection): Promise<void> =>
    new Promise((resolve, reject) => {
      let sent = 0
      const send = (): void => {
        const request = requests[turn++ % requests.length] as Buffer
        sent = performance.now()
        connection.send(request, received, reject)
      }
      const received = (answer: Answer): void => {
        const now = performance.now()
        latencies.push(now - sent)
        if (!isRight(answer, target.answer)) wrong++
        if (now < end) send()
        else resolve()
      }
      send()
    })
  try {
    await Promise.all(opened.map(run))
  } finally {
    for (const connection of opened) connection.close()
  }
  const elapsedMs = performance.now() - start
  const { user, system } = process.cpuUsage(cpuBefore)
  const sorted = Float64Array.from(latencies).sort()
  const quantile = (part: number): number => sorted[Math.floor(sorted.length * part)] ?? Number.NaN
  const busy = (user + system) / 1000 / elapsedMs
  return { answered: latencies.length, wrong, elapsedMs, p50: quantile(0.5), p99: quantile(0.99), busy }
}

/** Makes sessions through the subject's own interface; the cookies it gave. */
async function prepare({ port, path, count }: { port: number; path: string; count: number }): Promise<string[]> {
  const connection = new Connection(port)
  const cookies: string[] = []
  try {
    for (let i = 0; i < count; i++) {
      const cookie = cookiesOf(await connection.ask(requestBytes(path, null)))
      if (cookie !== null) cookies.push(cookie)
    }
  } finally {
    connection.close()
  }
  return cookies
}

/** One request after another, as one browser sends them: it keeps the cookies it is given. */
async function look({ times, ...target }: Target & { times: number }): Promise<Look> {
  const connection = new Connection(target.port)
  const visitor = target.cookies.length > 0
  let cookie = target.cookies[0] ?? null
  let wrong = 0
  let setCookie = 0
  let vary = 0
  let count = Number.NaN
  try {
    for (let i = 0; i < times; i++) {
      const answer = await connection.ask(requestBytes(target.path, cookie))
      if (!isRight(answer, target.answer)) wrong++
      // A counter that does not go up by one was not kept.
      if (target.answer === null && i > 0 && Number(answer.body) !== count + 1) wrong++
      count = Number(answer.body)
      if (visitor) cookie = cookiesOf(answer) ?? cookie
      if (/^set-cookie:/im.test(answer.head)) setCookie++
      if (/^vary:.*\bcookie\b/im.test(answer.head)) vary++
    }
  } finally {
    connection.close()
  }
  return { wrong, setCookie, vary }
}

/**
 * Lets so many clients of one session count at once, each under a key of its own and one browser's cookies for all; how many counts are
 * not there in the end.
 */
async function lose({ port, clients, times }: Counting): Promise<number> {
  const ask = async (path: string, cookie: string | null): Promise<Answer> => {
    const connection = new Connection(port)
    try {
      return await connection.ask(requestBytes(path, cookie))
    } finally {
      connection.close()
    }
  }
  const opened = Array.from({ length: clients }, () => new Connection(port))
  let cookie = cookiesOf(await ask('/prepare/small', null))
  const run = async (connection: Connection, client: number): Promise<void> => {
    for (let i = 0; i < times; i++) {
      const answer = await connection.ask(requestBytes(`/count/${client}`, cookie))
      cookie = cookiesOf(answer) ?? cookie
    }
  }
  try {
    await Promise.all(opened.map(run))
  } finally {
    for (const connection of opened) connection.close()
  }
  const { status, body } = await ask('/counted', cookie)
  if (status !== 200 || !/^\d+$/.test(body)) throw new Error(`The counts cannot be read: ${status} ${body}`)
  return clients * times - Number(body)
}

function requestsOf({ path, cookies }: Target): readonly Buffer[] {
  return cookies.length === 0 ? [requestBytes(path, null)] : cookies.map((cookie) => requestBytes(path, cookie))
}

function isRight({ status, body }: Answer, expected: string | null): boolean {
  return status === 200 && (expected === null ? /^\d+$/.test(body) : body === expected)
}

answerParent({ load, prepare, look, lose })
