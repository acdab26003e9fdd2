import type { ResponseHead } from './types.js'

/** A response that carries one of our cookies is for one visitor only, whatever the handler said (CVE-2026-35192, T22). */
export function keepPrivate(response: ResponseHead): void {
  const given = response.get('Cache-Control')
  if (!given) {
    response.set('Cache-Control', 'private')
    return
  }
  const directives = given.split(',').map((directive) => directive.trim())
  const names = directives.map((directive) => directive.toLowerCase())
  if (names.includes('private') || names.includes('no-store')) return
  const kept = directives.filter((_, i) => names[i] !== 'public' && !names[i]?.startsWith('s-maxage'))
  response.set('Cache-Control', [...kept, 'private'].join(', '))
}
