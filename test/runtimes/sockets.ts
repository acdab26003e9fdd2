/** A page that becomes a WebSocket, in whatever runtime runs this. Bundled by `bundle.ts`; prints its address, but in workerd, which serves what is exported. */
import { getSession, sojourn } from '../../src/adapters/fetch.js'

interface Upgrading {
  upgrade(request: Request): boolean
}
interface Socket {
  accept?(): void
  send(text: string): void
  onopen?: () => void
}
interface Runtimes {
  readonly Bun?: { serve(options: object): { readonly port: number } }
  readonly Deno?: {
    serve(options: object, handler: (request: Request) => Promise<Response>): unknown
    upgradeWebSocket(request: Request): { readonly socket: Socket; readonly response: Response }
  }
  readonly WebSocketPair?: new () => readonly [client: Socket, server: Socket]
}

const { Bun, Deno, WebSocketPair } = globalThis as Runtimes
const withSession = sojourn({
  secretKey: 'a secret of the tests, of more than fifty characters in all',
  sessionEngine: 'memory',
})
const failed: string[] = []
withSession.site.on('request_failed', ({ error }) => failed.push(String(error)))

async function counted(request: Request): Promise<{ n: number; isSocket: boolean }> {
  const session = await getSession(request)
  const n = Number(session.get('n', 0)) + 1
  session.set('n', n)
  return { n, isSocket: request.headers.get('upgrade') === 'websocket' }
}
const page = (n: number): Response => Response.json({ n, failed })

const onBun = withSession(async (request, server: Upgrading) => {
  const { n, isSocket } = await counted(request)
  return isSocket && server.upgrade(request) ? undefined : page(n)
})

const onDeno = withSession(async (request) => {
  const { n, isSocket } = await counted(request)
  if (!isSocket || Deno === undefined) return page(n)
  const { socket, response } = Deno.upgradeWebSocket(request)
  socket.onopen = () => socket.send('hello')
  return response
})

const onWorkers = withSession(async (request) => {
  const { n, isSocket } = await counted(request)
  if (!isSocket || WebSocketPair === undefined) return page(n)
  const { 0: webSocket, 1: server } = new WebSocketPair()
  server.accept?.()
  server.send('hello')
  return new Response(null, { status: 101, webSocket } as ResponseInit)
})

const at = { hostname: '127.0.0.1', port: 0 }
const tell = ({ port }: { readonly port: number }): void => console.log(`http://127.0.0.1:${port}`)
const websocket = { open: (socket: Socket) => socket.send('hello'), message: () => undefined }
if (Bun) tell(Bun.serve({ ...at, websocket, fetch: onBun }))
else if (Deno) Deno.serve({ ...at, onListen: tell }, onDeno)

export default { fetch: (request: Request) => onWorkers(request) }
