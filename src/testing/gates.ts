/** Places where a page waits until a test lets it go on, so that what happens at once is decided by the test. */
export class Gates {
  readonly #gates = new Map<string, Gate>()

  /** For the page: waits at this gate. */
  async pass(name: string): Promise<void> {
    const gate = this.#gate(name)
    gate.arrive()
    await gate.opened
  }

  /** For the test: resolves when somebody waits at this gate. */
  arrival(name: string): Promise<void> {
    return this.#gate(name).arrived
  }

  open(name: string): void {
    this.#gate(name).open()
  }

  openAll(): void {
    for (const gate of this.#gates.values()) gate.open()
  }

  #gate(name: string): Gate {
    const gate = this.#gates.get(name) ?? new Gate()
    this.#gates.set(name, gate)
    return gate
  }
}

class Gate {
  arrive: () => void = () => undefined
  open: () => void = () => undefined
  readonly arrived = new Promise<void>((resolve) => {
    this.arrive = resolve
  })
  readonly opened = new Promise<void>((resolve) => {
    this.open = resolve
  })
}
