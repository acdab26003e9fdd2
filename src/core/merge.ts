import type { Cells } from './types.js'

/** What changed between two states of a session: each changed key with its new text, or `null` where it was removed. */
export type Delta = ReadonlyMap<string, string | null>

export const NO_CELLS: Cells = new Map()

/** What changed from `before` to `after`, by top-level key. Text is compared, so a value nobody touched never counts. */
export function delta(before: Cells, after: Cells): Delta {
  const changes = new Map<string, string | null>()
  if (before === after) return changes
  for (const key of before.keys()) if (!after.has(key)) changes.set(key, null)
  for (const [key, text] of after) if (before.get(key) !== text) changes.set(key, text)
  return changes
}

/** Lays one writer's changes over another's state: keys that only one of them changed survive from both. */
export function apply(theirs: Cells, ours: Delta): Cells {
  const merged = new Map(theirs)
  for (const [key, text] of ours) {
    if (text === null) merged.delete(key)
    else merged.set(key, text)
  }
  return merged
}
