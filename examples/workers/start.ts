/**
 * Serves `worker.ts` in Cloudflare's own simulator, as `npx wrangler dev` does: the real workerd, with a D1 that is gone afterwards.
 */
import { spawn } from 'node:child_process'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { build } from 'esbuild'
import { miniflareHome } from '../../test/runtimes/miniflare.js'
import { runtime } from '../../test/support/runtimes.js'
import { buildSojourn } from '../project.js'

const folder = fileURLToPath(new URL('.', import.meta.url))
const root = join(folder, '../..')
const program = join(root, 'node_modules/.cache/sojourn-examples/worker.mjs')

buildSojourn()
await build({
  entryPoints: [join(folder, 'worker.ts')],
  outfile: program,
  bundle: true,
  format: 'esm',
  target: 'es2023',
  platform: 'node',
  mainFields: ['module', 'main'],
  conditions: ['workerd', 'worker'],
  // What a Worker never loads.
  external: ['cloudflare:*', 'mysql2', 'pg', 'redis', 'argon2', 'bcrypt'],
  logLevel: 'error',
})
const [node, home] = [await runtime('node22'), await miniflareHome()]
const child = spawn(node, [join(folder, 'serve.mjs'), home, program], { stdio: 'inherit' })
for (const signal of ['SIGINT', 'SIGTERM'] as const) process.on(signal, () => child.kill(signal))
child.on('exit', (code, signal) => {
  process.exitCode = code ?? (signal === null ? 1 : 0)
})
