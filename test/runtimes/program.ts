/**
 * The engines' contract on one store, in whatever runtime runs this: `program.mjs STORE WHERE`. Bundled by `bundle.ts`. Prints a line of JSON for
 * each claim.
 */
import { engineContract } from '../../src/testing/engine-contract.js'
import { siteOver } from '../../src/testing/engine-trial.js'
import { show } from './claims.js'
import { type Opener, stores } from './stores.js'

const [name = '', where = ''] = process.argv.slice(2)
const open = (stores as Readonly<Record<string, Opener>>)[name]
if (open === undefined) throw new Error(`There is no store '${name}'.`)
const { start, more = [], close } = await open(where)
// The first of a fresh process may be told to come again, while a driver is loaded: a site waits for that before it listens.
const { engine, clock, close: end } = start()
await siteOver(engine, clock).ready({ timeout: 20 })
await end?.()
await show([...engineContract(start), ...more], (claimed) => console.log(JSON.stringify(claimed)))
await close()
