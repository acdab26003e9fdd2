import { createServer, type IncomingMessage, type ServerResponse } from 'node:http'
import { getIronSession, type SessionOptions } from 'iron-session'
import { reply } from './frameworks.js'
import type { Serve } from './index.js'
import { type Pages, visitorPages } from './pages.js'
import { SECRET } from './secret.js'

const options: SessionOptions = { password: SECRET, cookieName: 'session', cookieOptions: { secure: false } }

/** The pages that change nothing; who uses this library says so, by not saving. */
const READING = new Set(['/read', '/large', '/counted'])

/** As its documentation has it: a handler that needs the session gets it, and saves it if it changed it. */
export const serve: Serve = () =>
  createServer((request, response) => {
    const path = request.url ?? ''
    const page = visitorPages[path]
    if (page === undefined) return reply(response, 404, 'no such page')
    if (path === '/untouched') return reply(response, 200, page({}) as string)
    answer(request, response, page, READING.has(path)).catch((error) => reply(response, 500, String(error)))
  })

async function answer(
  request: IncomingMessage,
  response: ServerResponse,
  page: Pages[string],
  isReading: boolean,
): Promise<void> {
  const session = await getIronSession<Record<string, unknown>>(request, response, options)
  const body = await page(session)
  if (!isReading) await session.save()
  reply(response, 200, body)
}
