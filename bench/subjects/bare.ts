import { onExpress, onNode } from './frameworks.js'
import { isBare, type Serve } from './index.js'
import { barePages } from './pages.js'

/** The framework without sessions; on Express also with a middleware that does nothing, the least that any costs. */
export const serve: Serve = async (setup) => {
  if (setup.framework === 'node') return onNode(barePages)
  if (setup.framework === 'fastify') return (await import('./on-fastify.js')).onFastify(barePages)
  if (setup.framework === 'koa') return (await import('./on-koa.js')).onKoa(barePages)
  if (setup.framework === 'hono') return (await import('./on-hono.js')).onHono(barePages)
  return isBare(setup) ? onExpress(barePages) : onExpress(barePages, (_request, _response, next) => next())
}
