import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'

/** A database in a file of its own, which several sites may open. */
export function sqliteFile(): { readonly url: string; remove(): void } {
  const folder = mkdtempSync(join(tmpdir(), 'sojourn-sqlite-'))
  return { url: `sqlite:${join(folder, 'db.sqlite3')}`, remove: () => rmSync(folder, { recursive: true }) }
}
