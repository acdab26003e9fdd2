import type { EngineOperation } from 'sojourn/testing'
import { engine } from '../../lib/sessions'

/** Tells what the engine was asked since the last time, and makes it fail from now on where it is told to. */
export async function POST(request: Request): Promise<Response> {
  const asked = [...engine.asked]
  engine.recount()
  engine.fail = ((await request.json()) as { fail: EngineOperation[] }).fail
  return Response.json(asked)
}
