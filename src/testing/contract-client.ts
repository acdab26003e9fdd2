import type { IncomingMessage } from 'node:http'
import { Client, type RequestOptions } from './client.js'

/** A visitor who does not see what a framework itself says in Vary: the claims are about what sojourn and the pages say. */
export class ContractClient extends Client {
  readonly #varies: ReadonlySet<string>

  constructor(origin: string, varies: readonly string[]) {
    super(origin)
    this.#varies = new Set(varies)
  }

  override async open(method: string, path: string, options?: RequestOptions): Promise<IncomingMessage> {
    const response = await super.open(method, path, options)
    const { headers } = response
    const names = headers.vary?.split(', ').filter((name) => !this.#varies.has(name.toLowerCase()))
    if (names?.length) headers.vary = names.join(', ')
    else delete headers.vary
    return response
  }
}
