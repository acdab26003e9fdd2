import { type ChildProcess, spawn } from 'node:child_process'
import { once } from 'node:events'
import { mkdtempSync, rmSync } from 'node:fs'
import { createServer } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { exampleNames } from '../../examples/start.js'
import { repositoryRoot } from '../../tools/report.js'
import { launchChromium } from '../support/chromium.js'
import { walk } from './walk.js'

let launched: Awaited<ReturnType<typeof launchChromium>>
const folder = mkdtempSync(join(tmpdir(), 'sojourn-examples-'))

beforeAll(async () => {
  launched = await launchChromium()
}, 600_000)

afterAll(async () => {
  if ('browser' in launched) await launched.browser.close()
  rmSync(folder, { recursive: true, force: true })
})

test('there is one for each framework', () => {
  expect(exampleNames).toContain('express')
})

test.each(exampleNames)(
  'a visitor walks through the example of %s',
  async (name) => {
    if ('missing' in launched) throw new Error(launched.missing)
    const port = await freePort()
    const child = spawn('npm', ['run', '--silent', 'example', name], {
      cwd: repositoryRoot,
      env: { ...process.env, PORT: String(port), DATABASE_URL: `sqlite:${join(folder, name)}.sqlite3` },
      stdio: ['ignore', 'pipe', 'pipe'],
      detached: true,
    })
    const printed = outputOf(child)
    try {
      await walk(launched.browser, await originOf(child, port))
    } catch (error) {
      throw new Error(`the example printed: ${printed()}`, { cause: error })
    } finally {
      await end(child)
    }
  },
  600_000,
)

/** What a program has printed so far. */
function outputOf({ stdout, stderr }: ChildProcess): () => string {
  let printed = ''
  for (const stream of [stdout, stderr]) stream?.on('data', (data) => (printed += String(data)))
  return () => printed
}

/** Once the example answers. */
async function originOf(child: ChildProcess, port: number): Promise<string> {
  const origin = `http://localhost:${port}`
  for (;;) {
    if (child.exitCode !== null) throw new Error('the example ended')
    const answer = await fetch(`${origin}/`).catch(() => null)
    if (answer?.status === 200) return origin
    await new Promise((resolve) => setTimeout(resolve, 200))
  }
}

/** The example and whatever it started: they are a group of processes of their own. */
async function end(child: ChildProcess): Promise<void> {
  if (child.exitCode !== null || child.pid === undefined) return
  const exited = once(child, 'exit')
  process.kill(-child.pid, 'SIGTERM')
  await exited
}

async function freePort(): Promise<number> {
  const server = createServer().listen(0, '127.0.0.1')
  await once(server, 'listening')
  const address = server.address()
  server.close()
  await once(server, 'close')
  return typeof address === 'object' && address !== null ? address.port : 0
}
