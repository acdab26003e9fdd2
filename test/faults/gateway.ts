import { once } from 'node:events'
import { type AddressInfo, connect, createServer, type Server, type Socket } from 'node:net'

/** `slow`: each reply comes 200 ms late. `cut`: half of a reply comes, and a reset. `swallow`: a peer that is there and says nothing. */
export type Spoiling = 'slow' | 'cut' | 'swallow'

const DELAY = 200

/** A door on the loopback before a server, which one can spoil. */
export class Gateway implements AsyncDisposable {
  readonly port: number
  spoiling: Spoiling | null = null
  readonly #server: Server
  readonly #sockets: Set<Socket>

  private constructor(server: Server, sockets: Set<Socket>) {
    this.#server = server
    this.#sockets = sockets
    this.port = (server.address() as AddressInfo).port
  }

  static async before(port: number): Promise<Gateway> {
    const sockets = new Set<Socket>()
    const server = createServer((near) => {
      const far = connect(port, '127.0.0.1')
      for (const socket of [near, far]) {
        socket.setNoDelay(true)
        sockets.add(socket)
        socket.on('error', () => undefined)
        socket.on('close', () => sockets.delete(socket))
      }
      joinThem(near, far, () => gateway.spoiling)
    })
    server.listen(0, '127.0.0.1')
    await once(server, 'listening')
    const gateway = new Gateway(server, sockets)
    return gateway
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#server.close()
    for (const socket of this.#sockets) socket.destroy()
  }
}

function joinThem(near: Socket, far: Socket, spoiling: () => Spoiling | null): void {
  /** A connection that lost bytes is lost for good, as behind a firewall that forgot it. */
  let isLost = spoiling() === 'swallow'
  const loses = (): boolean => {
    isLost ||= spoiling() === 'swallow'
    return isLost
  }
  /** Replies that are late. Those after them never come before them. */
  const late: Buffer[] = []
  const sendLate = (): void => {
    for (const piece of late.splice(0)) near.write(piece)
  }
  near.on('data', (piece) => {
    if (!loses()) far.write(piece)
  })
  far.on('data', (piece) => {
    if (loses()) return
    if (spoiling() === 'cut') {
      near.write(piece.subarray(0, Math.floor(piece.length / 2)), () => near.resetAndDestroy())
    } else if (spoiling() === 'slow') {
      late.push(piece)
      setTimeout(() => {
        const [first] = late
        // What came after the end of the slowness has taken it along.
        if (first !== piece || loses()) return
        late.shift()
        near.write(piece)
      }, DELAY)
    } else {
      sendLate()
      near.write(piece)
    }
  })
  near.on('close', () => far.destroy())
  far.on('close', () => {
    if (!loses()) near.destroy()
  })
}
