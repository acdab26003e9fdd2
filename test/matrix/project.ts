import { cpSync, mkdirSync, mkdtempSync, readdirSync, realpathSync, rmSync, symlinkSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { build } from 'esbuild'
import { repositoryRoot } from '../../tools/report.js'
import { run } from '../support/run.js'

const servers = join(repositoryRoot, 'test/matrix/servers')

/**
 * A project as a user has it: the built package in its `node_modules`, every framework above it, and servers of plain JavaScript. A folder in
 * `servers/` is there too, as it is, for a server that is built by its framework's own tools.
 */
export interface Project {
  /** The script of a server; for workerd its configuration. */
  script(server: string): string
  worker(server: string): Promise<string>
  remove(): void
}

export async function makeProject(): Promise<Project> {
  const root = realpathSync(mkdtempSync(join(tmpdir(), 'sojourn-matrix-')))
  const remove = (): void => rmSync(root, { recursive: true, force: true })
  // Also of a run that somebody stops.
  process.once('exit', remove)
  const home = join(root, 'project')
  const installed = join(home, 'node_modules/sojourn')
  mkdirSync(installed, { recursive: true })
  symlinkSync(realpathSync(join(repositoryRoot, 'node_modules')), join(root, 'node_modules'))
  cpSync(join(repositoryRoot, 'package.json'), join(installed, 'package.json'))
  writeFileSync(join(home, 'package.json'), '{ "private": true, "type": "module" }\n')
  const tsc = join(repositoryRoot, 'node_modules/.bin/tsc')
  const built = await run(tsc, ['-p', join(repositoryRoot, 'tsconfig.build.json'), '--outDir', join(installed, 'dist')])
  if (built.code !== 0) throw new Error(`the package could not be built: ${built.stdout}${built.stderr}`)
  const entries = readdirSync(servers, { withFileTypes: true })
  for (const { name } of entries.filter((each) => each.isDirectory())) {
    cpSync(join(servers, name), join(home, name), { recursive: true })
  }
  await build({
    entryPoints: entries.filter((each) => each.isFile()).map(({ name }) => join(servers, name)),
    outdir: home,
    format: 'esm',
    tsconfigRaw: {},
    logLevel: 'error',
  })
  return {
    script: (server) => join(home, `${server}.js`),
    worker: (server) => bundleWorker(home, server),
    remove,
  }
}

/** workerd runs one bundle, which is told of in a configuration. */
async function bundleWorker(home: string, server: string): Promise<string> {
  await build({
    entryPoints: [join(home, `${server}.js`)],
    outfile: join(home, `${server}.worker.js`),
    bundle: true,
    format: 'esm',
    conditions: ['workerd', 'worker'],
    external: ['node:*', ...drivers],
    logLevel: 'error',
  })
  const config = join(home, `${server}.capnp`)
  writeFileSync(config, configuration(server))
  return config
}

/** What a Worker that names none of them by URL does not need. */
const drivers = ['better-sqlite3', 'pg', 'mysql2', 'redis', 'argon2', 'bcrypt']

const configuration = (server: string): string => `using Workerd = import "/workerd/workerd.capnp";

const config :Workerd.Config = (
  services = [(name = "main", worker = .worker)],
  sockets = [(name = "http", address = "127.0.0.1:0", http = (), service = "main")],
);

const worker :Workerd.Worker = (
  modules = [(name = "worker", esModule = embed "${server}.worker.js")],
  compatibilityDate = "2026-11-01",
  compatibilityFlags = ["nodejs_compat"],
);
`
