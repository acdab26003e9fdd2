/**
 * Starts an example that is a project of its own, as whoever copies its folder does: `npm ci`, `npm run build`, `npm start`, with sojourn as the
 * registry would give it. What was made once is used again until something of it changes.
 *
 *     tsx examples/project.ts next
 */
import { execFileSync, spawn } from 'node:child_process'
import { createHash } from 'node:crypto'
import { existsSync, mkdirSync, readdirSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs'
import { dirname, join, resolve } from 'node:path'
import { fileURLToPath } from 'node:url'
import { withLock } from '../test/support/lock.js'

const file = fileURLToPath(import.meta.url)
const root = join(dirname(file), '..')
const env = { PORT: '8000', NEXT_TELEMETRY_DISABLED: '1', ...process.env, NODE_ENV: 'production' }

/** What a build leaves in the folder of a project, and what git has not. */
const MADE = new Set(['node_modules', '.next', '.svelte-kit', '.nitro', '.output', 'build', 'next-env.d.ts'])

const cache = join(root, 'node_modules/.cache/sojourn-examples')

/** Installs and builds the project in `folder`, unless that is done already. Whoever else wants it meanwhile waits. */
export async function prepareProject(
  folder: string,
  install = () => npm(folder, 'ci', '--include=dev', '--no-audit', '--no-fund'),
): Promise<void> {
  mkdirSync(cache, { recursive: true })
  await withLock(join(cache, 'lock'), async () => {
    buildSojourn()
    const mark = join(cache, createHash('sha256').update(folder).digest('hex'))
    const state = stateOf([join(root, 'package.json'), join(root, 'dist'), folder])
    if (existsSync(mark) && readFileSync(mark, 'utf8') === state && existsSync(join(folder, 'node_modules'))) return
    rmSync(mark, { force: true })
    install()
    npm(folder, 'run', 'build')
    writeFileSync(mark, state)
  })
}

/** The package that is installed is made of `dist`. */
export function buildSojourn(): void {
  const newest = (folder: string): number =>
    Math.max(0, ...filesIn(join(root, folder)).map((path) => statSync(path).mtimeMs))
  if (newest('src') > newest('dist')) npm(root, 'run', 'build')
}

function npm(folder: string, ...given: readonly string[]): void {
  try {
    execFileSync('npm', ['--loglevel=error', ...given], { cwd: folder, env, stdio: 'pipe' })
  } catch (error) {
    const { stdout, stderr } = error as { stdout: Buffer; stderr: Buffer }
    throw new Error(`npm ${given.join(' ')} failed in ${folder}:\n${stdout}${stderr}`)
  }
}

function stateOf(paths: readonly string[]): string {
  const hash = createHash('sha256')
  for (const path of paths.flatMap(filesIn)) hash.update(`${path}\0`).update(readFileSync(path)).update('\0')
  return hash.digest('hex')
}

function filesIn(path: string): string[] {
  if (!existsSync(path)) return []
  if (!statSync(path).isDirectory()) return [path]
  const names = readdirSync(path).filter((name) => !MADE.has(name))
  return names.sort().flatMap((name) => filesIn(join(path, name)))
}

function start(folder: string): void {
  const child = spawn('npm', ['--silent', 'start'], { cwd: folder, env, stdio: 'inherit' })
  for (const signal of ['SIGINT', 'SIGTERM'] as const) process.on(signal, () => child.kill(signal))
  child.on('exit', (code, signal) => {
    process.exitCode = code ?? (signal === null ? 1 : 0)
  })
}

if (process.argv[1] !== undefined && resolve(process.argv[1]) === file) {
  const folder = join(dirname(file), process.argv[2] ?? '')
  await prepareProject(folder)
  start(folder)
}
