import { type Address, type ContractCase, type Counts, remoteContract, remoteNodeContract } from 'sojourn/testing'
import { prepareContract, prepareExample } from '../contracts/project-server.js'
import type { RuntimeName } from '../support/runtimes.js'
import { type Adapter, adapters, exceptions } from './columns.js'
import type { Project } from './project.js'
import { ColumnServer } from './server.js'

/** What became of a claim in a column. */
export type Cell =
  | { readonly state: 'passed' }
  | { readonly state: 'failed'; readonly error: string }
  | { readonly state: 'cannot'; readonly reason: string }

export interface Column {
  readonly adapter: Adapter
  readonly runtime: RuntimeName
}

export interface Result extends Column {
  /** By the claim's name. */
  readonly cells: ReadonlyMap<string, Cell>
}

/** How long a case may take, in milliseconds. */
const LIMIT = 60_000

/** All columns of which each word names the adapter or the runtime (or a part of it); all there are without words. */
export function columnsFor(words: readonly string[]): readonly Column[] {
  const all = adapters.flatMap((adapter) => {
    const alone = Object.keys(adapter.cannot ?? {}) as RuntimeName[]
    return [...adapter.on, ...alone].map((runtime): Column => ({ adapter, runtime }))
  })
  const isAdapter = (word: string): boolean => adapters.some(({ name }) => name.includes(word))
  const named = words.filter(isAdapter)
  const runtimes = words.filter((word) => !isAdapter(word))
  const fits = (name: string, wanted: readonly string[]): boolean =>
    wanted.length === 0 || wanted.some((word) => name.includes(word))
  return all.filter(({ adapter, runtime }) => fits(adapter.name, named) && fits(runtime, runtimes))
}

/** The claims of every column, in the order of the contract. */
export function claims(counts: Partial<Counts>): readonly string[] {
  const nowhere = (): never => {
    throw new Error('only the names are wanted')
  }
  return [...remoteContract(nowhere, { counts, places: true }), ...remoteNodeContract(nowhere, { counts })].map(
    ({ name }) => name,
  )
}

/** Runs every claim of a column that can be run there, one after the other on one server. */
export async function runColumn(project: Project, column: Column, counts: Partial<Counts>): Promise<Result> {
  const { adapter, runtime } = column
  if (adapter.project !== undefined) await prepareContract(adapter.project)
  if (adapter.example !== undefined) await prepareExample(adapter.example)
  const server = new ColumnServer(project, adapter.server, runtime)
  const cases = casesOf(adapter, () => server.address(), counts)
  const cells = new Map<string, Cell>()
  try {
    for (const name of claims(counts)) {
      const reason = whyNot(column, name, cases)
      cells.set(
        name,
        reason === undefined ? await play(cases.get(name) as ContractCase, server) : { state: 'cannot', reason },
      )
    }
  } finally {
    server.stop()
  }
  return { ...column, cells }
}

function casesOf(
  { by, nodePages, places, varies }: Adapter,
  address: () => Promise<Address>,
  counts: Partial<Counts>,
): ReadonlyMap<string, ContractCase> {
  const options = { counts, places, varies, protocol: by === 'node:http2' ? 'h2' : 'http/1.1' } as const
  const all = [...remoteContract(address, options), ...(nodePages ? remoteNodeContract(address, options) : [])]
  return new Map(all.map((each) => [each.name, each]))
}

/** Why a claim cannot be shown in a column; absent where it can. */
export function whyNot(
  { adapter, runtime }: Column,
  claim: string,
  cases: ReadonlyMap<string, ContractCase>,
): string | undefined {
  const whole = adapter.cannot?.[runtime]
  if (whole !== undefined) return whole
  if (!cases.has(claim)) return whyAbsent(adapter, claim)
  return exceptions.find(
    (each) =>
      each.claim.test(claim) &&
      (each.by ?? adapter.by) === adapter.by &&
      (each.adapters?.test(adapter.name) ?? true) &&
      (each.runtimes?.test(runtime) ?? true),
  )?.reason
}

/** The contract knows by itself that these are not for this adapter. */
function whyAbsent({ by, nodePages }: Adapter, claim: string): string {
  if (claim.startsWith('the session that the framework has')) return 'the framework has no place for a session'
  if (!nodePages && !/^two requests pipelined/.test(claim)) return 'its pages answer with no ServerResponse'
  return claim.startsWith('HEAD')
    ? "Node's own server of HTTP/2 never drains an answer to HEAD"
    : `${by} has no pipelining, messages or lengths`
}

async function play({ run }: ContractCase, server: ColumnServer): Promise<Cell> {
  let timer: NodeJS.Timeout | undefined
  try {
    const late = new Promise<never>((_, reject) => {
      timer = setTimeout(() => reject(new Error(`it did not end within ${LIMIT / 1000} s`)), LIMIT)
    })
    await Promise.race([run(), late])
    return { state: 'passed' }
  } catch (error) {
    const { message, stack = message } = error as Error
    const where = stack
      .split('\n')
      .slice(0, message.split('\n').length + 4)
      .join('\n')
    const said = server.said.replace(/^.*(?:contract at|"event":"listen").*\n?/gm, '').trim()
    // What a case that failed has left behind is no concern of the next one.
    server.stop()
    return { state: 'failed', error: said === '' ? where : `${where}\nThe server printed:\n${said}` }
  } finally {
    clearTimeout(timer)
  }
}
