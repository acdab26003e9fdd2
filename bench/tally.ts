type Method = (this: object, ...given: unknown[]) => unknown

/** Counts calls: statements of SQLite by their first word, anything else by the method's name. */
export class Tally {
  #counts: Record<string, number> = {}

  /** From here on counts each call of these methods on `owner`, or on what has it for a prototype. */
  watch(owner: object, methods: readonly string[]): void {
    const methodsOf = owner as Record<string, Method | undefined>
    for (const name of methods) {
      const original = methodsOf[name]
      if (original === undefined) continue
      const count = (called: object): void => {
        const operation = firstWord(called) ?? name
        this.#counts[operation] = (this.#counts[operation] ?? 0) + 1
      }
      methodsOf[name] = function (...given) {
        count(this)
        return original.apply(this, given)
      }
    }
  }

  /** What was counted since the last time. */
  take(): Record<string, number> {
    const counts = this.#counts
    this.#counts = {}
    return counts
  }
}

/** better-sqlite3 tells a statement's text by one name, node:sqlite by another. */
function firstWord(statement: object): string | undefined {
  const { source, sourceSQL } = statement as { source?: string; sourceSQL?: string }
  return (source ?? sourceSQL)?.trim().split(/\s/, 1)[0]?.toUpperCase()
}
