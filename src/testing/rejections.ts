type Noticed = (event: { readonly reason: unknown; preventDefault(): void }) => void

interface Listening {
  addEventListener?(type: 'unhandledrejection', listener: Noticed): void
  removeEventListener?(type: 'unhandledrejection', listener: Noticed): void
}

/** Rejections that nobody handles, by Node's event or by that of browsers, which Deno and workerd have. */
export class Rejections {
  readonly #seen: string[] = []
  readonly #byNode = (reason: unknown): void => {
    this.#seen.push(String((reason as Error | undefined)?.stack ?? reason))
  }
  readonly #byBrowser: Noticed = (event) => {
    event.preventDefault()
    this.#byNode(event.reason)
  }

  constructor() {
    if (isBrowserLike()) (globalThis as Listening).addEventListener?.('unhandledrejection', this.#byBrowser)
    else process.on('unhandledRejection', this.#byNode)
  }

  /** Those since this was called last. */
  take(): readonly string[] {
    return this.#seen.splice(0)
  }

  close(): void {
    if (isBrowserLike()) (globalThis as Listening).removeEventListener?.('unhandledrejection', this.#byBrowser)
    else process.off('unhandledRejection', this.#byNode)
  }
}

function isBrowserLike(): boolean {
  return 'addEventListener' in globalThis && (globalThis as { Bun?: unknown }).Bun === undefined
}
