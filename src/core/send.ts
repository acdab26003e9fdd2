import type { PlainResponse } from './types.js'

/** As much of a Node response as an answer needs. */
export interface NodeResponse {
  statusCode: number
  setHeader(name: string, value: string): unknown
  end(body: string): unknown
}

/** As much of a reply as an answer needs, where a framework has its own (Fastify). */
export interface Reply {
  code(status: number): unknown
  header(name: string, value: string): unknown
  send(body: string): unknown
}

/** Sends an answer by Node's means. Throws if it has a header that cannot be sent. */
export function sendByNode(response: NodeResponse, { status, headers, body }: PlainResponse): void {
  response.statusCode = status
  for (const [name, value] of Object.entries(headers)) response.setHeader(name, value)
  response.end(body)
}

/** Sends an answer by a framework's reply. */
export function sendByReply(reply: Reply, { status, headers, body }: PlainResponse): void {
  reply.code(status)
  for (const [name, value] of Object.entries(headers)) reply.header(name, value)
  reply.send(body)
}
