import { memoryEngine } from 'sojourn/engines/memory'
import { watched } from 'sojourn/testing'
import { building } from '$app/environment'

/** The test turns it by `/control`; while the site is built it fails at everything. */
export const engine = watched(memoryEngine(), { delay: 0 })
if (building) engine.fail = ['load', 'create', 'save', 'touch', 'delete', 'exists']
