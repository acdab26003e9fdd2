/** Modules that a runtime has in it, and nobody else. */
declare module 'cloudflare:workers' {
  export const env: unknown
}

declare module 'bun:sqlite' {
  export class Database {
    constructor(path: string)
    exec(sql: string): void
    close(): void
  }
}
