import { Scope } from '../core/scope.js'
import type { Site } from '../core/site.js'
import type { MaybePromise, RequestHead, ResponseHead } from '../core/types.js'
import { ImproperlyConfigured } from '../errors.js'

/** Who visits: what a browser would send with a request of this path, and where its cookies go. */
export interface Visiting {
  readonly origin: URL
  readonly headers: Readonly<Record<string, string>>
  readonly cookies: { header(path: string): string; take(line: string, from: string): void }
}

/**
 * A request of a visitor that no server sees. Its scope begins and finishes as that of any other, on any engine, so that the browser is sent
 * whatever cookies it has to have afterwards. What `run` throws ends it as a page that failed: nothing that it changed is kept.
 */
export async function unseenVisit<R>(
  site: Site,
  visitor: Visiting,
  run: (scope: Scope) => MaybePromise<R>,
): Promise<R> {
  const scope = Scope.open(site, {}, new UnseenRequest(visitor, site.settings.sessionCookiePath))
  const refused = await scope.begin()
  if (refused !== undefined)
    throw new ImproperlyConfigured(`This site refuses a visitor's request (${refused.status}).`)
  let result: R
  try {
    result = await run(scope)
  } catch (error) {
    await finish(scope, visitor, 500).catch(() => undefined)
    throw error
  }
  await finish(scope, visitor, 200)
  return result
}

async function finish(scope: Scope, { cookies }: Visiting, status: number): Promise<void> {
  const response = new UnseenResponse(status)
  try {
    await scope.finish(response)
  } catch (error) {
    scope.salvage(response)
    throw error
  } finally {
    for (const line of response.setCookies) cookies.take(line, scope.head.url)
  }
}

class UnseenRequest implements RequestHead {
  readonly method = 'GET'
  readonly url: string
  readonly encrypted: boolean
  readonly #headers: ReadonlyMap<string, string>

  constructor({ origin, headers, cookies }: Visiting, path: string) {
    const cookie = cookies.header(path)
    const given = Object.entries(headers).map(([name, value]): [string, string] => [name.toLowerCase(), value])
    this.url = path
    this.encrypted = origin.protocol === 'https:'
    this.#headers = new Map([
      ['host', origin.host],
      ...(cookie === '' ? [] : ([['cookie', cookie]] as const)),
      ...given,
    ])
  }

  header(name: string): string | undefined {
    return this.#headers.get(name)
  }

  formField(): undefined {}
}

class UnseenResponse implements ResponseHead {
  readonly status: number
  readonly setCookies: string[] = []
  readonly #headers = new Map<string, string>()

  constructor(status: number) {
    this.status = status
  }

  get(name: string): string | undefined {
    return this.#headers.get(name.toLowerCase())
  }

  set(name: string, value: string): void {
    this.#headers.set(name.toLowerCase(), value)
  }

  append(name: string, value: string): void {
    if (name === 'Set-Cookie') this.setCookies.push(value)
    else this.set(name, value)
  }
}
