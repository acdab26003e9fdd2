import type { Verdict } from './case.js'

/** What an answer of ours says: a refusal carries its reason in its body. */
export function verdictOf(status: number, body: string): Omit<Verdict, 'setCookies'> {
  return { status, reason: status === 403 ? (JSON.parse(body) as { reason: string }).reason : null }
}
