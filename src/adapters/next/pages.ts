import type { IncomingMessage, ServerResponse } from 'node:http'
import { SojournError } from '../../errors.js'
import type { NodeMiddleware } from '../node.js'

/** A handler of `pages/api`; what is asked and answered are Next's own types. */
export type PagesHandler<Asked extends IncomingMessage, Answer extends ServerResponse> = (
  request: Asked,
  response: Answer,
) => unknown

/** What `getServerSideProps` is given, as far as a session needs it. */
export interface PagesContext {
  readonly req: IncomingMessage
  readonly res: ServerResponse
}

/** What Next makes nothing more of, since its answer has left. */
const ANSWERED = { props: {} } as const

/** Runs a handler of the Pages Router; done when it is, so that Next knows. */
export async function runPages<Asked extends IncomingMessage, Answer extends ServerResponse>(
  node: NodeMiddleware,
  handler: PagesHandler<Asked, Answer>,
  request: Asked,
  response: Answer,
): Promise<void> {
  if (await begun(node, request, response)) await orAnswered(node, request, response, () => handler(request, response))
}

/** Runs `getServerSideProps`. */
export async function runProps<Context extends PagesContext, Result>(
  node: NodeMiddleware,
  props: (context: Context) => Promise<Result>,
  context: Context,
): Promise<Result | typeof ANSWERED> {
  const { req, res } = context
  if (!(await begun(node, req, res))) return ANSWERED
  return (await orAnswered(node, req, res, () => props(context))) ?? ANSWERED
}

/** Whether the handler is to run: false where the request was refused, which has been answered. */
function begun(node: NodeMiddleware, request: IncomingMessage, response: ServerResponse): Promise<boolean> {
  return new Promise((resolve) => {
    response.once('close', () => resolve(false))
    node(request, response, () => resolve(true))
  })
}

/** What a handler throws is Next's to answer, with 500; our own errors have a status and a page. */
async function orAnswered<T>(
  node: NodeMiddleware,
  request: IncomingMessage,
  response: ServerResponse,
  run: () => T | Promise<T>,
): Promise<T | undefined> {
  try {
    return await run()
  } catch (error) {
    if (!(error instanceof SojournError)) throw error
    node.handle(() => Promise.reject(error))(request, response)
    return undefined
  }
}
