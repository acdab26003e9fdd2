import { DOOR, type Order } from './contract-host.js'
import { type Control, orders } from './control.js'

/** The inside of a server in another process, asked through the door that a `contractHost` keeps there. */
export function remoteControl(origin: string): Control {
  const asking = orders.map((name) => [name, (...given: unknown[]) => order(origin, [name, ...given])])
  return Object.fromEntries(asking) as Control
}

export async function order(origin: string, given: Order): Promise<unknown> {
  const response = await fetch(origin + DOOR, { method: 'POST', body: JSON.stringify(given) })
  const text = await response.text()
  if (!response.ok) throw new Error(`The server under test could not obey '${given[0]}': ${text}`)
  return JSON.parse(text) as unknown
}
