import type { IncomingMessage } from 'node:http'
import { request } from 'node:https'

/** `fetch` by HTTPS for which every host is this machine, as for the browser of `launchProfile`, whatever certificate it shows. */
export async function fetchHere(url: string | URL, options?: RequestInit): Promise<Response> {
  const asked = new Request(url, options)
  const { host, port, pathname, search } = new URL(asked.url)
  const body = await asked.text()
  const answer = await new Promise<IncomingMessage>((resolve, reject) => {
    const headers = { ...Object.fromEntries(asked.headers), host }
    const to = { hostname: '127.0.0.1', port, path: pathname + search, rejectUnauthorized: false }
    request({ ...to, method: asked.method, headers, signal: asked.signal }, resolve)
      .on('error', reject)
      .end(body)
  })
  const read = Buffer.concat((await answer.toArray()) as Buffer[])
  return new Response(read.length === 0 ? null : read, {
    status: answer.statusCode,
    headers: Object.entries(answer.headersDistinct).flatMap(([name, values = []]) =>
      values.map((value): [string, string] => [name, value]),
    ),
  })
}
