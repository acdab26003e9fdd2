import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { createInterface } from 'node:readline'
import { runtime } from '../support/runtimes.js'
import { bundle } from './bundle.js'
import { startWorkers } from './miniflare.js'

export interface Started extends AsyncDisposable {
  readonly origin: string
}

/** Starts a server of this folder on a runtime that speaks Fetch: a program that prints its address, and exports its handler for Workers. */
export const starts: Readonly<Record<'bun' | 'deno' | 'workerd', (entry: string) => Promise<Started>>> = {
  bun: (entry) => startServer('bun', ['run'], entry),
  deno: (entry) => startServer('deno', ['run', '--allow-all'], entry),
  async workerd(entry) {
    using program = await bundle(entry, 'workers')
    return await startWorkers(program.path)
  },
}

async function startServer(name: 'bun' | 'deno', args: readonly string[], entry: string): Promise<Started> {
  using program = await bundle(entry, 'server')
  const child = spawn(await runtime(name), [...args, program.path], { stdio: ['ignore', 'pipe', 'inherit'] })
  const [origin] = await once(createInterface(child.stdout), 'line')
  return {
    origin: String(origin),
    async [Symbol.asyncDispose]() {
      child.kill()
      await once(child, 'exit')
    },
  }
}
