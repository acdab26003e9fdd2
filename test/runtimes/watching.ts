/** A chat that lets users of one origin in and closes their sockets when they log out, in whatever runtime runs this. Bundled by `bundle.ts`, as `sockets.ts` is. */
import { getUser, login, logout, sojourn } from '../../src/adapters/fetch.js'
import { checkUpgrade, watch } from '../../src/ws/index.js'

interface Socket {
  readonly readyState: number
  accept?(): void
  send(text: string): void
  close(code: number): void
  onopen?: () => void
}
interface Upgrading {
  upgrade(request: Request, options: { readonly data: { readonly request: Request } }): boolean
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
const ann = { id: 1, username: 'ann', password: 'no hash of any kind', isActive: true }
const users = { path: 'tests.Backend', authenticate: () => ann, getUser: () => ann }
const withSession = sojourn({
  secretKey: 'a secret of the tests, of more than fifty characters in all',
  sessionEngine: 'memory',
  authenticationBackends: [users],
})
const { site } = withSession
const check = { site, origins: ['https://chat.example'] }

const pages = withSession(async (request) => {
  if (new URL(request.url).pathname === '/login') await login(request, ann)
  else await logout(request)
  return new Response('')
})

/** Greets whoever may come, and watches over their session. */
async function greet(request: Request, socket: Socket): Promise<void> {
  socket.send(`hello, ${(await getUser(request))?.username}`)
  watch(request, () => socket.close(4401), { every: 0.1, until: socket })
}

async function chat(request: Request, open: () => Response | undefined): Promise<Response | undefined> {
  const refused = await checkUpgrade(request, check)
  return refused === null ? open() : new Response(refused.body, refused)
}

const isSocket = (request: Request): boolean => request.headers.get('upgrade') === 'websocket'

const onBun = (request: Request, server: Upgrading): Promise<Response | undefined> =>
  isSocket(request)
    ? chat(request, () =>
        server.upgrade(request, { data: { request } }) ? undefined : new Response('', { status: 500 }),
      )
    : pages(request)

const onDeno = async (request: Request): Promise<Response> => {
  if (!isSocket(request) || Deno === undefined) return pages(request)
  const answer = await chat(request, () => {
    const { socket, response } = Deno.upgradeWebSocket(request)
    socket.onopen = () => void greet(request, socket)
    return response
  })
  return answer as Response
}

const onWorkers = async (request: Request): Promise<Response> => {
  if (!isSocket(request) || WebSocketPair === undefined) return pages(request)
  const answer = await chat(request, () => {
    const { 0: webSocket, 1: server } = new WebSocketPair()
    server.accept?.()
    void greet(request, server)
    return new Response(null, { status: 101, webSocket } as ResponseInit)
  })
  return answer as Response
}

const at = { hostname: '127.0.0.1', port: 0 }
const tell = ({ port }: { readonly port: number }): void => console.log(`http://127.0.0.1:${port}`)
const websocket = {
  open: (socket: Socket & { readonly data: { readonly request: Request } }) => greet(socket.data.request, socket),
  message: () => undefined,
}
if (Bun) tell(Bun.serve({ ...at, websocket, fetch: onBun }))
else if (Deno) Deno.serve({ ...at, onListen: tell }, onDeno)

export default { fetch: (request: Request) => onWorkers(request) }
