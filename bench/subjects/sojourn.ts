import type { SessionEngine } from 'sojourn'
import { memoryEngine } from 'sojourn/engines/memory'
import { sojourn as sojournForExpress } from 'sojourn/express'
import { sojourn as sojournForNode } from 'sojourn/node'
import { onExpress, onNode } from './frameworks.js'
import type { Serve, Setup } from './index.js'
import { sessionPages } from './pages.js'
import { countStatements } from './sqlite.js'

/** As a user has it: csrf, auth and messages are on, and nothing is set but the store. */
export const serve: Serve = (setup) => {
  const settings = { secretKey: 'a secret of the bench, which is longer than fifty characters', ...storeOf(setup) }
  return setup.framework === 'node'
    ? onNode(sessionPages, (listener) => sojournForNode(settings).handle(listener))
    : onExpress(sessionPages, sojournForExpress(settings))
}

interface StoreSettings {
  readonly sessionEngine: 'memory' | 'db' | 'signed_cookies' | SessionEngine
  readonly databases?: { readonly default: string }
}

function storeOf({ store, file, count }: Setup): StoreSettings {
  if (store === 'signed cookies') return { sessionEngine: 'signed_cookies' }
  if (store === 'SQLite') {
    if (count) countStatements(count)
    return { sessionEngine: 'db', databases: { default: `sqlite:${file}` } }
  }
  if (count === undefined) return { sessionEngine: 'memory' }
  const engine = memoryEngine()
  count(engine, ['load', 'create', 'save', 'touch', 'delete', 'exists'])
  return { sessionEngine: engine }
}
