import { join } from 'node:path'
import { sojourn } from 'sojourn/fetch'
import { type App, contractHost, fetchHandler } from 'sojourn/testing'

type Handle = (request: Request, ...rest: unknown[]) => Promise<Response>

/** What this server asks of Elysia, which only its example has installed. */
interface ElysiaApp {
  wrap(of: (handle: Handle) => Handle): this
  all(path: string, page: (context: { readonly request: Request }) => unknown): this
  listen(at: { port: number; hostname: string; idleTimeout: number }, done: (server: { port: number }) => void): this
}

declare const Bun: { resolveSync(name: string, from: string): string }

const folder = join(process.env['SOJOURN_ROOT'] ?? '', 'examples/elysia')
const { Elysia } = (await import(Bun.resolveSync('elysia', folder))) as { readonly Elysia: new () => ElysiaApp }

// Elysia is made once, and may wrap what answers each of its routes: both the site and the pages are those of the case that runs.
let pages: App
const host = contractHost((site, app) => {
  pages = app
  const withSession = sojourn(site)
  return (request: Request, handle: Handle, ...rest: unknown[]) => withSession(handle)(request, ...rest)
})
const answer = fetchHandler(host)

new Elysia()
  .wrap(
    (handle) =>
      async (request, ...rest) =>
        answer(request, handle, ...rest),
  )
  .all('/*', ({ request }) => pages.fetch(request))
  .listen({ port: 0, hostname: '127.0.0.1', idleTimeout: 0 }, ({ port }) =>
    console.log(`contract at http://127.0.0.1:${port}`),
  )
