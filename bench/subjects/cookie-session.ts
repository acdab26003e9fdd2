import cookieSession from 'cookie-session'
import { calledFirst, type Middleware, onExpress, onNode } from './frameworks.js'
import type { Serve } from './index.js'
import { visitorPages } from './pages.js'
import { SECRET, TWO_WEEKS } from './secret.js'

/** With the options of its documentation, for two weeks. */
export const serve: Serve = ({ framework }) => {
  const middleware = cookieSession({ name: 'session', keys: [SECRET], maxAge: TWO_WEEKS }) as unknown as Middleware
  return framework === 'node' ? onNode(visitorPages, calledFirst(middleware)) : onExpress(visitorPages, middleware)
}
