/**
 * Mirrors `django.utils.cache.patch_vary_headers`: the Vary header with names added that it does not have, in any case.
 * `*` stands for all of them. Blanks around names, empty names and repeated ones do not survive (CVE-2026-48587,
 * CVE-2026-6907: a name that was missed left a page in a shared cache).
 */
export function patchVary(existing: string | undefined, add: readonly string[]): string {
  const names = new Map<string, string>()
  for (const entry of [...(existing ?? '').split(','), ...add]) {
    const name = entry.trim()
    const folded = name.toLowerCase()
    if (name === '*') return '*'
    if (name !== '' && !names.has(folded)) names.set(folded, name)
  }
  return [...names.values()].join(', ')
}
