import { ImproperlyConfigured } from '../errors.js'
import { type Scope, scopeOf } from './scope.js'
import { nearestName } from './setting-names.js'
import { Site } from './site.js'

/**
 * What stands on a site beside its middleware says so in the same words: the function that was called, and what to do. Each throws
 * `ImproperlyConfigured`.
 */
export class OnSite {
  readonly #maker: string

  /** @param maker the function that was called */
  constructor(maker: string) {
    this.#maker = maker
  }

  /** What a framework calls its middleware is not the site of it. */
  refuseOther(site: unknown): asserts site is Site {
    if (site instanceof Site) return
    throw new ImproperlyConfigured(`site of ${this.#maker} is the \`.site\` of what \`sojourn(settings)\` returns.`)
  }

  /** An option that is none: one that was mistyped would be left out without a word. */
  refuseUnknown(options: object, known: readonly string[]): void {
    const wrong = Object.keys(options).find((name) => !known.includes(name))
    if (wrong === undefined) return
    throw new ImproperlyConfigured(`${this.#maker} has no option '${wrong.slice(0, 64)}'; ${nearestName(wrong, known)}`)
  }

  /** @param harm what could happen on a store that cannot compare */
  refuseLastWriteWins({ engine }: Site, harm: string): void {
    if (engine.consistency !== 'last-write-wins') return
    throw new ImproperlyConfigured(
      `The session engine '${engine.name}' cannot compare, so ${harm}: ${this.#maker} needs another engine.`,
    )
  }

  /** The scope of a request, which the middleware of this very site has opened. */
  scopeOf(site: Site, request: object): Scope {
    const scope = scopeOf(request)
    if (scope.site === site) return scope
    throw new ImproperlyConfigured(`${this.#maker} was given another site than the middleware before it has.`)
  }
}
