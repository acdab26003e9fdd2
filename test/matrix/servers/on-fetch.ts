import { serveFetch } from 'sojourn/testing'

type Handler = (request: Request) => Response | Promise<Response>

interface Runtimes {
  readonly Bun?: { serve(options: { port: number; hostname: string; fetch: Handler }): { readonly port: number } }
  readonly Deno?: {
    serve(options: { port: number; hostname: string; onListen(at: { port: number }): void }, handler: Handler): unknown
  }
}

/** Serves by what the runtime has for Fetch, and tells the driver where. workerd serves what the module exports instead. */
export async function serveOnFetch(handler: Handler): Promise<{ fetch: Handler } | undefined> {
  const { Bun, Deno } = globalThis as Runtimes
  const tell = (port: number): void => console.log(`contract at http://127.0.0.1:${port}`)
  const at = { port: 0, hostname: '127.0.0.1' }
  if (isWorkerd()) return { fetch: handler }
  if (Bun) tell(Bun.serve({ ...at, idleTimeout: 0, fetch: handler } as Parameters<typeof Bun.serve>[0]).port)
  else if (Deno) Deno.serve({ ...at, onListen: ({ port }) => tell(port) }, handler)
  else tell(Number(new URL((await serveFetch(handler)).origin).port))
  return undefined
}

function isWorkerd(): boolean {
  return (globalThis as { navigator?: { userAgent?: string } }).navigator?.userAgent === 'Cloudflare-Workers'
}
