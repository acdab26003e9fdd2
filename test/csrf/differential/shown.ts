import type { Case } from './case.js'
import type { Finding, TrialReport } from './trial.js'

/** The figures of a run in one line. */
export function figures({ asked, same, differed }: TrialReport): string {
  const differences = Object.entries(differed).map(([effect, counts]) => {
    const list = [...counts].map(([name, times]) => `${times} (${name})`).join(', ')
    return `${effect}: ${list || 'none'}`
  })
  return [`same verdict and reason ${same} of ${asked}`, ...differences].join('; ')
}

/** A finding with all that one needs to see it again: its last line is for `--replay`. */
export function shown({ asked, variant, django, ours, outcome }: Finding): string {
  return [
    typeof outcome === 'string' ? `${outcome}:` : `${outcome.effect} (${outcome.listed}):`,
    `  Django ${JSON.stringify(django)}`,
    `  ours   ${JSON.stringify(ours)}`,
    ...requestText(asked).map((line) => `  | ${line}`),
    JSON.stringify({ variant, asked }),
  ].join('\n')
}

function requestText({ method, tls, asksToken, lines, body }: Case): string[] {
  const first = `${method} ${asksToken ? '/token' : '/'} over ${tls ? 'https' : 'http'}`
  return [first, ...lines.map(([name, value]) => `${name}: ${value}`), '', ...body.split('\r\n')]
}
