import { connect, type Socket } from 'node:net'

/** A connection to a server that speaks in lines, for what no driver offers. */
export class Lines {
  readonly #socket: Socket
  #text = ''
  #changed: () => void = () => undefined
  #failed: (error: Error) => void = () => undefined

  constructor(port: number) {
    this.#socket = connect({ port, host: '127.0.0.1', noDelay: true })
    this.#socket.setEncoding('latin1')
    this.#socket.on('data', (more: string) => {
      this.#text += more
      this.#changed()
    })
    this.#socket.on('error', (error) => this.#failed(error))
    this.#socket.on('close', () => this.#failed(new Error('The server closed the connection.')))
  }

  /** Sends something, and returns what came since the last time up to `end`. */
  ask(command: string, end: string): Promise<string> {
    this.#socket.write(command)
    return this.until(end)
  }

  /** What came since the last time, up to `end`. */
  until(end: string): Promise<string> {
    return new Promise((resolve, reject) => {
      this.#failed = reject
      this.#changed = () => {
        const at = this.#text.indexOf(end)
        if (at < 0) return
        const found = this.#text.slice(0, at + end.length)
        this.#text = this.#text.slice(at + end.length)
        this.#changed = () => undefined
        resolve(found)
      }
      this.#changed()
    })
  }

  close(): void {
    this.#failed = () => undefined
    this.#socket.destroy()
  }
}
