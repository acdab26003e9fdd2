import { Agent, METHODS, type RequestOptions, request } from 'node:http'
import { Agent as SecureAgent, request as secureRequest } from 'node:https'
import { connect } from 'node:net'
import { connect as connectSecurely } from 'node:tls'
import type { Case, Verdict } from './case.js'
import { verdictOf } from './verdict.js'

/** TLS by a key that both ends know beforehand (RFC 4279): real TLS, and no certificate to keep. */
const psk = { psk: Buffer.alloc(16, 7), identity: 'test' }
const tls = { ciphers: 'PSK-AES128-GCM-SHA256', maxVersion: 'TLSv1.2' } as const
export const serverTls = { ...tls, pskCallback: () => psk.psk }
const clientTls = { ...tls, pskCallback: () => psk, checkServerIdentity: () => undefined }

export interface Ports {
  readonly plain: number
  readonly secure: number
}

/** Sends over connections that are kept. */
export interface Sender {
  send(asked: Case): Promise<Verdict>
  close(): void
}

export function httpSender(ports: Ports): Sender {
  const agents = { plain: new Agent({ keepAlive: true }), secure: new SecureAgent({ keepAlive: true, ...clientTls }) }
  return {
    send: (asked) => (isForClient(asked) ? sendByClient(asked, ports, agents) : sendBytes(asked, ports)),
    close() {
      agents.plain.destroy()
      agents.secure.destroy()
    },
  }
}

/** Node's client spells methods in capitals, keeps CONNECT for proxies, and speaks HTTP/1.1, which wants a Host. */
function isForClient({ method, lines }: Case): boolean {
  return METHODS.includes(method) && method !== 'CONNECT' && lines.some(([name]) => name.toLowerCase() === 'host')
}

function sendByClient(
  asked: Case,
  ports: Ports,
  agents: { readonly plain: Agent; readonly secure: SecureAgent },
): Promise<Verdict> {
  const { method, body } = asked
  const options: RequestOptions = {
    host: '127.0.0.1',
    port: asked.tls ? ports.secure : ports.plain,
    path: pathOf(asked),
    method,
    headers: linesOf(asked).flat(),
    agent: asked.tls ? agents.secure : agents.plain,
  }
  return new Promise((resolve, reject) => {
    const sent = (asked.tls ? secureRequest : request)(options, (response) => {
      const chunks: Buffer[] = []
      response.on('data', (chunk: Buffer) => chunks.push(chunk))
      response.on('error', reject)
      response.on('end', () => {
        const verdict = verdictOf(response.statusCode ?? 0, Buffer.concat(chunks).toString())
        resolve({ ...verdict, setCookies: response.headers['set-cookie'] ?? [] })
      })
    })
    sent.on('error', (error) => reject(new Error(`No answer to ${JSON.stringify(asked)}`, { cause: error })))
    sent.end(Buffer.from(body, 'latin1'))
  })
}

/** By bytes, on a connection of its own. No answer at all is a status of 0. */
function sendBytes(asked: Case, ports: Ports): Promise<Verdict> {
  const host = '127.0.0.1'
  const socket = asked.tls
    ? connectSecurely({ host, port: ports.secure, ...clientTls })
    : connect({ host, port: ports.plain })
  const chunks: Buffer[] = []
  const version = asked.lines.some(([name]) => name.toLowerCase() === 'host') ? 'HTTP/1.1' : 'HTTP/1.0'
  const head = [
    `${asked.method} ${pathOf(asked)} ${version}`,
    ...linesOf(asked).map(([name, value]) => `${name}: ${value}`),
    'Connection: close',
  ]
  socket.write(Buffer.from(`${head.join('\r\n')}\r\n\r\n${asked.body}`, 'latin1'))
  return new Promise((resolve) => {
    socket.on('data', (chunk) => chunks.push(chunk))
    // A server that refuses the first line may be gone before the rest is written.
    socket.on('error', () => undefined)
    socket.on('close', () => resolve(parsed(Buffer.concat(chunks).toString('latin1'))))
  })
}

function parsed(answer: string): Verdict {
  const end = answer.indexOf('\r\n\r\n')
  if (end < 0) return { status: 0, reason: null, setCookies: [] }
  const lines = answer.slice(0, end).split('\r\n')
  const setCookies = lines.flatMap((line) => /^set-cookie: (.*)$/i.exec(line)?.[1] ?? [])
  return { ...verdictOf(Number(answer.slice(9, 12)), answer.slice(end + 4)), setCookies }
}

function pathOf({ asksToken }: Case): string {
  return asksToken ? '/token' : '/'
}

function linesOf({ lines, body }: Case): [name: string, value: string][] {
  return [...lines.map(([name, value]): [string, string] => [name, value]), ['Content-Length', String(body.length)]]
}
