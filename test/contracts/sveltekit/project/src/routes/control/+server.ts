import type { EngineOperation } from 'sojourn/testing'
import { engine } from '$lib/engine'
import type { RequestHandler } from './$types'

/** Tells what the engine was asked since the last time, and makes it fail from now on where it is told to. */
export const PUT: RequestHandler = async ({ request }) => {
  const asked = [...engine.asked]
  engine.recount()
  engine.fail = ((await request.json()) as { fail: EngineOperation[] }).fail
  return Response.json(asked)
}
