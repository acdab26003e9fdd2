import { type AnswerHead, FetchResponseHead } from './response.js'

/** What runtimes and crossws put on the response by which a request becomes a WebSocket; on workerd every response has the first, most as null. */
interface Carrying {
  readonly webSocket?: unknown
  readonly crossws?: unknown
}

/**
 * Whether a request becomes a WebSocket by this answer. `Bun.serve` wants none at all after `server.upgrade()`; and below 200 there is no
 * response that could be made anew.
 */
export function isUpgrade(answer: Response | undefined): boolean {
  if (answer === undefined || answer.status < 200) return true
  const { webSocket, crossws } = answer as Carrying
  return (webSocket ?? crossws ?? null) !== null
}

/** The head of whatever a handler has answered. */
export function answerHead<Answer extends Response | undefined>(answer: Answer): AnswerHead<Answer | Response> {
  return answer === undefined || isUpgrade(answer) ? new UpgradeHead(answer) : new FetchResponseHead(answer)
}

/**
 * An answer that is handed on as it is: a copy would have lost the socket. What is set reaches the visitor where the runtime lets its headers
 * be changed, and else nobody.
 */
export class UpgradeHead<Answer extends Response | undefined> implements AnswerHead<Answer> {
  readonly status = 101
  readonly #answer: Answer
  readonly #headers: Headers

  constructor(answer: Answer) {
    this.#answer = answer
    this.#headers = answer !== undefined && canChange(answer.headers) ? answer.headers : new Headers()
  }

  get(name: string): string | undefined {
    return this.#headers.get(name) ?? undefined
  }

  set(name: string, value: string): void {
    this.#headers.set(name, value)
  }

  append(name: string, value: string): void {
    this.#headers.append(name, value)
  }

  response(): Answer {
    return this.#answer
  }
}

/** Headers that cannot be changed refuse this too (`TypeError`), and nothing else tells them. */
function canChange(headers: Headers): boolean {
  try {
    headers.delete('X-Sojourn')
    return true
  } catch {
    return false
  }
}
