import type { Scope } from '../core/scope.js'
import type { Site } from '../core/site.js'
import type { MaybePromise, PlainResponse } from '../core/types.js'
import { refused } from './answers.js'
import type { Registry } from './registry.js'
import type { Transactions } from './transaction.js'

/** What the steps of a login over several sites have in common. */
export interface Ground {
  readonly site: Site
  readonly registry: Registry
  readonly transactions: Transactions
  /** Whether each site has a session of its own, or all of them one. */
  readonly mode: 'linked' | 'shared'
}

/** A step that is refused: its visitor is told no more than that, the site why. */
export function rejected({ site }: Ground, { request }: Scope, reason: string): PlainResponse {
  site.emit('sso', { step: 'reject', reason, request })
  return refused()
}

/** One of the routes. */
export type Step = (ground: Ground, scope: Scope) => MaybePromise<PlainResponse>

/** The query of a request; a name that is given twice counts as not given. */
export function queryOf({ head }: Scope): { get(name: string): string | null } {
  const { searchParams } = new URL(head.url, 'http://localhost')
  return {
    get: (name) => {
      const all = searchParams.getAll(name)
      return all.length === 1 ? (all[0] as string) : null
    },
  }
}

/** One of a site's routes, with what it is told. */
export function route(base: URL, name: string, query: Readonly<Record<string, string>> = {}): URL {
  const url = new URL(name, base)
  for (const [key, value] of Object.entries(query)) url.searchParams.set(key, value)
  return url
}
