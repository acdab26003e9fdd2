import type { Keeper } from '../core/part.js'
import type { Scope } from '../core/scope.js'
import type { ResponseHead } from '../core/types.js'

/** Cookies that leave with the response, whatever answers. */
const keeper: Keeper = {
  finish(scope: Scope, response: ResponseHead): void {
    for (const line of scope.kept<string[]>(keeper) ?? []) response.append('Set-Cookie', line)
  },
}

export function sendCookies(scope: Scope, lines: readonly string[]): void {
  scope.keep<string[]>(keeper, () => []).push(...lines)
}
