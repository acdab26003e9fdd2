/**
 * Starts an example, whatever it takes: `npm run example express`. PORT is where it listens (8000).
 */
import { spawn } from 'node:child_process'
import { dirname, join, resolve } from 'node:path'
import { fileURLToPath } from 'node:url'

const file = fileURLToPath(import.meta.url)
const onNode = (path: string): readonly string[] => [process.execPath, '--import', 'tsx', path]
/** An example with a `package.json` of its own. */
const project = (name: string): readonly string[] => [...onNode('examples/project.ts'), name]

/** An example for another runtime than Node. */
const onRuntime = (...given: readonly string[]): readonly string[] => [...onNode('examples/runtime.ts'), ...given]

/** How each example starts, from the root of the repository. */
const examples: Readonly<Record<string, readonly string[]>> = {
  express: onNode('examples/express/app.ts'),
  node: onNode('examples/node/app.ts'),
  koa: onNode('examples/koa/app.ts'),
  hono: onNode('examples/hono/app.ts'),
  h3: onNode('examples/h3/app.ts'),
  bun: onRuntime('bun', 'examples/bun/app.ts'),
  deno: onRuntime('deno', 'examples/deno/app.ts'),
  elysia: onRuntime('bun', 'examples/elysia/app.ts'),
  workers: onNode('examples/workers/start.ts'),
  nitro: project('nitro'),
  next: project('next'),
  sveltekit: project('sveltekit'),
  fastify: onNode('examples/fastify/app.ts'),
  nest: ['npx', 'tsx', '--tsconfig', 'examples/tsconfig.json', 'examples/nest/app.ts'],
}

/** Those that show one framework each, with the same pages. */
export const exampleNames: readonly string[] = Object.keys(examples)

/** Those that show several sites at once. */
const worlds: Readonly<Record<string, readonly string[]>> = {
  'identity-provider': onNode('examples/identity-provider/start.ts'),
}
const all = { ...examples, ...worlds }

function start(name: string): void {
  const [program = '', ...rest] = all[name] ?? []
  const child = spawn(program, rest, { cwd: join(dirname(file), '..'), stdio: 'inherit' })
  for (const signal of ['SIGINT', 'SIGTERM'] as const) process.on(signal, () => child.kill(signal))
  child.on('exit', (code, signal) => {
    process.exitCode = code ?? (signal === null ? 1 : 0)
  })
}

if (process.argv[1] !== undefined && resolve(process.argv[1]) === file) {
  const [, , name = ''] = process.argv
  if (Object.hasOwn(all, name)) start(name)
  else {
    console.error(`npm run example NAME, where NAME is one of ${Object.keys(all).join(', ')}`)
    process.exitCode = 2
  }
}
