import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { engineContract } from '../../src/testing/engine-contract.js'
import { run } from '../support/run.js'
import { type RuntimeName, runtime } from '../support/runtimes.js'
import {
  missingServer,
  startMariadb,
  startMemcached,
  startPostgres,
  startRedis,
  type TestServer,
} from '../support/servers/index.js'
import type { ServerName } from '../support/servers/programs.js'
import { type Bundle, bundle } from './bundle.js'
import type { Claimed } from './claims.js'
import { LOCKED, type StoreName } from './stores.js'

const SERVERS: Partial<Record<StoreName, { readonly name: ServerName; start(): Promise<TestServer> }>> = {
  postgres: { name: 'postgres', start: startPostgres },
  'postgres.js': { name: 'postgres', start: startPostgres },
  mariadb: { name: 'mariadb', start: startMariadb },
  redis: { name: 'redis', start: startRedis },
  ioredis: { name: 'redis', start: startRedis },
  memcached: { name: 'memcached', start: startMemcached },
}

const BUILT_IN: readonly StoreName[] = ['memory', 'file', 'sqlite']
const REMOTE = Object.keys(SERVERS) as StoreName[]

/** The stores that are tried on each runtime. */
const STORES: Partial<Record<RuntimeName, readonly StoreName[]>> = {
  node22: BUILT_IN,
  node24: BUILT_IN,
  node26: [...BUILT_IN, ...REMOTE],
  bun: [...BUILT_IN, 'bun:sqlite', ...REMOTE],
  deno: [...BUILT_IN, ...REMOTE],
}

/** What stands before the program. */
const ARGUMENTS: Partial<Record<RuntimeName, readonly string[]>> = { deno: ['run', '--allow-all'] }

/** Loading a driver and a claim of 200 writers take their time where others do too. */
const SECONDS = 120

const CLAIMS = engineContract(() => Promise.reject(new Error('not here'))).map(({ name }) => name)

const missing: Partial<Record<StoreName, string | undefined>> = {}
for (const store of REMOTE) missing[store] = await missingServer(SERVERS[store]?.name as ServerName)

let program: Bundle
beforeAll(async () => {
  program = await bundle('program.ts', 'server')
})
afterAll(() => program[Symbol.dispose]())

const pairs = Object.entries(STORES).flatMap(([name, stores]) => stores.map((store) => [name, store] as const))

describe.each(pairs)('on %s, %s', (name, store) => {
  describe.skipIf(missing[store] !== undefined)(`with what it needs ${missing[store] ?? ''}`, () => {
    const shown = new Map<string, Claimed>()
    let output = ''
    beforeAll(
      async () => {
        const path = await runtime(name as RuntimeName)
        await using place = await placeFor(store)
        const args = [...(ARGUMENTS[name as RuntimeName] ?? []), program.path, store, place.where]
        const { stdout, stderr } = await run(path, args, { seconds: SECONDS })
        output = stderr
        for (const line of stdout.split('\n').filter((each) => each.startsWith('{'))) {
          const claimed = JSON.parse(line) as Claimed
          shown.set(claimed.name, claimed)
        }
      },
      1000 * (SECONDS + 300),
    )

    test.each(store.includes('sqlite') ? [...CLAIMS, LOCKED] : CLAIMS)('%s', (claim) => {
      expect(shown.get(claim), output).toEqual({ name: claim })
    })
  })
})

interface Place extends AsyncDisposable {
  /** A folder, or the URL of a server. */
  readonly where: string
}

async function placeFor(store: StoreName): Promise<Place> {
  const server = await SERVERS[store]?.start()
  if (server !== undefined) {
    return { where: server.url, [Symbol.asyncDispose]: () => server[Symbol.asyncDispose]() }
  }
  const where = mkdtempSync(join(tmpdir(), 'sojourn-runtime-'))
  return { where, [Symbol.asyncDispose]: async () => rmSync(where, { recursive: true }) }
}
