/**
 * The process that is measured: one subject's server, alone. Its arguments: the subject's name, a file, the URLs of servers as JSON, `count`
 * or nothing.
 */
import type { AddressInfo } from 'node:net'
import { answerParent } from './child.js'
import { type Serve, type Setup, subjects } from './subjects/index.js'
import { Tally } from './tally.js'

const [name, file = '', urls = '{}', mode] = process.argv.slice(2)
const subject = subjects.find((each) => each.name === name)
if (subject === undefined) throw new Error(`No subject is called '${name}'.`)

const { serve } = (await import(`./subjects/${subject.module}.js`)) as { serve: Serve }
const tally = mode === 'count' ? new Tally() : undefined
const server = await serve({
  ...subject,
  file,
  urls: JSON.parse(urls) as Setup['urls'],
  count: tally && ((owner, methods) => tally.watch(owner, methods)),
})
await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))

/** A fixed piece of work. It takes longer than at other times when somebody else slows this cpu. */
function calibrate(): number {
  const start = performance.now()
  let x = 1
  for (let i = 0; i < 8_000_000; i++) x = (Math.imul(x, 1_103_515_245) + 12_345) | 0
  const ms = performance.now() - start
  return x === 0 ? Number.NaN : ms
}
// Until it is compiled it says nothing about the cpu.
for (let i = 0; i < 5; i++) calibrate()

answerParent({
  port: () => (server.address() as AddressInfo).port,
  /** CPU microseconds used by this process so far, in all its threads. */
  cpu: () => {
    const { user, system } = process.cpuUsage()
    return user + system
  },
  calibrate,
  tally: () => tally?.take() ?? {},
})
