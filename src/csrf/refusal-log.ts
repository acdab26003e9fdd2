import type { Scope } from '../core/scope.js'
import { behindProxy } from './failure-page.js'
import { csrfReasonCode } from './reasons.js'

/** Between two lines for the same reason, in milliseconds: a scanner must not fill a log. */
const QUIET = 60_000

/** Printed of a reason or a path, which hold what the request says. */
const LONGEST = 200

/** Prints refusals that nobody listens for, as Django logs them: one line a minute for each code, with how many were left out before it. */
export class RefusalLog {
  /** By code, of which there are ten: the text of a reason is the visitor's to choose. */
  readonly #printed = new Map<string, { until: number; leftOut: number }>()

  print(scope: Scope, reason: string, refused: boolean): void {
    const code = csrfReasonCode(reason)
    const now = scope.site.settings.clock()
    const last = this.#printed.get(code)
    if (last !== undefined && now < last.until) {
      last.leftOut++
      return
    }
    this.#printed.set(code, { until: now + QUIET, leftOut: 0 })
    const hint = code === 'origin' && behindProxy(scope) ? ' - behind a TLS proxy? set secureProxySslHeader' : ''
    const more = last?.leftOut ? ` (and ${last.leftOut} more like it since the last such line)` : ''
    const [path = ''] = scope.head.url.split('?', 1)
    console.warn(
      'sojourn: %s (%s): %s',
      refused ? 'Forbidden' : 'Would be forbidden',
      plain(reason),
      plain(path) + hint + more,
    )
  }
}

/** One line of printable ASCII. What stands behind the path of a Referer may be a secret of the page that it names. */
function plain(text: string): string {
  const cut = text.replace(/[?#]\S*/g, '').replace(/[^\x20-\x7e]/g, '?')
  return cut.length > LONGEST ? `${cut.slice(0, LONGEST)}...` : cut
}
