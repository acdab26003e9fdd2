import { once } from 'node:events'
import type { IncomingMessage } from 'node:http'
import type { SettingsInput } from 'sojourn'
import { getUser, login, userBackend } from 'sojourn/auth'
import { sojourn } from 'sojourn/node'
import { type Served, serve } from 'sojourn/testing'
import { admit, checkUpgrade, refuseUpgrade, type UpgradeOptions, watch } from 'sojourn/ws'
import { WebSocket, WebSocketServer } from 'ws'
import type { ModelUser } from '../../src/auth/model-user.js'
import type { Site } from '../../src/core/site.js'
import { visit } from '../auth/site.js'
import { SECRET } from '../support/sites.js'

export const ORIGIN = 'https://chat.example'

export interface World extends AsyncDisposable {
  readonly site: Site
  readonly served: Served
  readonly ann: ModelUser
  /** What went wrong in the server's listener. */
  readonly failures: unknown[]
  /** Logs a user in, and gives the session key that a browser has then. */
  key(user?: ModelUser): Promise<string>
  /** Opens a socket as a browser with this cookie does, from a page of this origin. */
  open(key: string | null, options?: OpenOptions): Promise<Opened>
}

export interface OpenOptions {
  readonly origin?: string | null
  readonly headers?: Readonly<Record<string, string>>
  readonly protocols?: readonly string[]
}

/** What became of an attempt: a socket, or the status of the refusal. */
export interface Opened {
  readonly status: number
  readonly body: string
  readonly headers: IncomingMessage['headers']
  readonly socket: Peer
}

export interface WorldOptions extends Partial<Omit<UpgradeOptions, 'site'>> {
  readonly settings?: SettingsInput
  /** Seconds between two looks of `watch`; 0 for a server that does not look. */
  readonly every?: number
}

/** A chat on node:http with the sockets of `ws`: it greets whoever has come, and closes with 4401 when their session is over. */
export async function world({ settings, every = 0.02, ...options }: WorldOptions = {}): Promise<World> {
  const sessions = sojourn({
    secretKey: SECRET,
    pbkdf2Iterations: 10,
    databases: { default: 'sqlite::memory:' },
    ...settings,
  })
  const { site } = sessions
  await site.migrate()
  const ann = await userBackend(site).createUser('ann', 'a long password')
  const served = await serve((_, response) => void response.writeHead(404).end())
  const sockets = new WebSocketServer({ noServer: true })
  const failures: unknown[] = []
  const check = { site, origins: [ORIGIN], ...options }
  served.server.on('upgrade', async (request, socket, head) => {
    try {
      const refused = await checkUpgrade(request, check)
      if (refused !== null) return refuseUpgrade(socket, refused)
      sockets.handleUpgrade(request, socket, head, async (ws) => {
        if (check.aud !== undefined && !(await admit(ws, request))) return
        if (every > 0) watch(request, () => ws.close(4401), { every, until: ws })
        ws.send((await getUser(request))?.username ?? 'nobody')
      })
    } catch (error) {
      failures.push(error)
      socket.destroy()
    }
  })
  const opened: WebSocket[] = []
  return {
    site,
    served,
    ann,
    failures,
    key: async (user = ann) => (await visit(site, {}, (request) => login(request, user))).key as string,
    async open(key, { origin = ORIGIN, headers = {}, protocols = [] } = {}) {
      const cookie = key === null ? {} : { cookie: `sessionid=${key}` }
      const from = origin === null ? {} : { origin }
      const url = served.origin.replace('http:', 'ws:')
      const socket = new WebSocket(url, [...protocols], { headers: { ...cookie, ...from, ...headers } })
      opened.push(socket)
      return outcome(socket)
    },
    async [Symbol.asyncDispose]() {
      for (const socket of opened) socket.terminate()
      sockets.close()
      await served.close()
      await site.close()
    },
  }
}

/** A client's end, which keeps what it hears until somebody asks. */
export class Peer {
  readonly ws: WebSocket
  readonly #heard: string[] = []
  readonly closed: Promise<number>
  #hear: (() => void) | null = null

  constructor(ws: WebSocket) {
    this.ws = ws
    ws.on('message', (data) => {
      this.#heard.push(String(data))
      this.#hear?.()
    })
    this.closed = new Promise((resolve) => {
      ws.on('close', (code) => {
        this.#hear?.()
        resolve(code)
      })
    })
  }

  get heard(): readonly string[] {
    return this.#heard
  }

  /** The next message. Rejects where the socket closes before one comes. */
  async next(): Promise<string> {
    while (this.#heard.length === 0) {
      if (this.ws.readyState >= WebSocket.CLOSING) throw new Error('The socket was closed without a word.')
      await new Promise<void>((resolve) => {
        this.#hear = resolve
      })
    }
    return this.#heard.shift() as string
  }
}

async function outcome(ws: WebSocket): Promise<Opened> {
  const socket = new Peer(ws)
  const answer = await new Promise<IncomingMessage>((resolve, reject) => {
    ws.on('upgrade', resolve)
    ws.on('unexpected-response', (_, response) => resolve(response))
    ws.on('error', reject)
  })
  const status = answer.statusCode as number
  let body = ''
  if (status === 101) {
    if (ws.readyState === WebSocket.CONNECTING) await once(ws, 'open')
  } else for await (const chunk of answer) body += chunk
  return { status, body, headers: answer.headers, socket }
}
