import { execFileSync, spawn } from 'node:child_process'
import { once } from 'node:events'
import { rmSync } from 'node:fs'
import { join } from 'node:path'
import { prepareProject } from '../../examples/project.js'
import { repositoryRoot } from '../../tools/report.js'
import { freePort } from '../support/servers/port.js'

/** The server of a framework that builds its own, in a process of its own. */
export interface ProjectServer {
  readonly origin: string
  /** What it has printed so far. */
  printed(): string
  close(): Promise<void>
}

/** Builds the project in a folder of the tests, with what an example has installed. A second run finds it as the first one left it. */
async function prepareLike(example: string, folder: string): Promise<void> {
  const installed = exampleOf(example)
  await prepareProject(installed)
  await prepareProject(folder, () => {
    rmSync(join(folder, 'node_modules'), { recursive: true, force: true })
    // Hard links: hundreds of megabytes that take no room.
    execFileSync('cp', ['-al', join(installed, 'node_modules'), join(folder, 'node_modules')])
  })
}

const exampleOf = (name: string): string => join(repositoryRoot, 'examples', name)
const projectOf = (name: string): string => join(repositoryRoot, 'test/contracts', name, 'project')

/** Installs what an example stands on, for whoever serves with it. */
export function prepareExample(name: string): Promise<void> {
  return prepareProject(exampleOf(name))
}

/** Builds the project that serves the adapter contract through a framework. */
export function prepareContract(example: string): Promise<void> {
  return prepareLike(example, projectOf(`${example}-contract`))
}

/** Builds and starts the project of a framework's own tests. */
export async function startProject(example: string): Promise<ProjectServer> {
  const folder = projectOf(example)
  await prepareLike(example, folder)
  const port = await freePort()
  const origin = `http://127.0.0.1:${port}`
  const child = spawn('npm', ['--silent', 'start'], {
    cwd: folder,
    env: {
      ...process.env,
      NODE_ENV: 'production',
      PORT: String(port),
      HOST: '127.0.0.1',
      ORIGIN: origin,
      BODY_SIZE_LIMIT: 'Infinity',
    },
    stdio: ['ignore', 'pipe', 'pipe'],
    detached: true,
  })
  let printed = ''
  for (const stream of [child.stdout, child.stderr]) stream?.on('data', (data) => (printed += String(data)))
  for (;;) {
    if (child.exitCode !== null) throw new Error(`the server ended: ${printed}`)
    if ((await fetch(origin).catch(() => null)) !== null) break
    await new Promise((resolve) => setTimeout(resolve, 100))
  }
  return {
    origin,
    printed: () => printed,
    async close() {
      const exited = once(child, 'exit')
      if (child.pid !== undefined) process.kill(-child.pid, 'SIGTERM')
      await exited
    },
  }
}
