/** The one command that starts the example: what it says, and that nothing of it stays behind. */
import { readFileSync } from 'node:fs'
import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import { join } from 'node:path'
import { setTimeout as wait } from 'node:timers/promises'
import { describe, expect, test, vi } from 'vitest'
import { repositoryRoot } from '../../tools/report.js'
import { findDjango } from '../django/home.js'
import { run } from '../support/run.js'
import { environmentOf, type Running, startExample } from './beside-django/running.js'
import { newVisitor } from './beside-django/visitor.js'

// Each starts three processes, and the machine may be busy.
vi.setConfig({ testTimeout: 60_000 })

const home = await findDjango()
const none = 'missing' in home ? home.missing : undefined
const start = (settings: Readonly<Record<string, string>> = {}): Promise<Running> => {
  if ('missing' in home) throw new Error(home.missing)
  return startExample(home, settings)
}

test('without a Django it says in one sentence what to install', async () => {
  const env = { PATH: process.env['PATH'], PYTHON: join(repositoryRoot, 'nowhere/python3') }
  const args = ['--import', 'tsx', 'examples/beside-django/start.ts']
  const { code, stdout, stderr } = await run(process.execPath, args, { cwd: repositoryRoot, env })
  expect([code, stdout]).toEqual([1, ''])
  expect(stderr).toMatch(/^There is no Django here: apt-get install python3-django[^\n]*\n$/)
})

describe.skipIf(none !== undefined)(`with a Django${none === undefined ? '' : ` (${none})`}`, () => {
  test.each(['SIGINT', 'SIGTERM', 'SIGKILL'] as const)('ended by %s, it leaves no process behind', async (signal) => {
    await using running = await start()
    const { django, node } = running.pids
    expect([isAlive(django), isAlive(node)]).toEqual([true, true])
    expect(await running.end(signal)).toBe(signal === 'SIGKILL' ? null : 0)
    // Nobody waits for them after a SIGKILL: they notice that their input has ended.
    if (signal === 'SIGKILL') await until(() => !isAlive(django) && !isAlive(node))
    expect([isAlive(django), isAlive(node)]).toEqual([false, false])
  })

  test("while Node is down, its pages are a 502 and Django's are served", async () => {
    await using running = await start()
    const visitor = await newVisitor(running)
    expect((await visitor.get('/node/')).status).toBe(200)
    process.kill(running.pids.node, 'SIGKILL')
    await until(() => running.complaints().includes('Node has ended'))
    expect([(await visitor.get('/node/')).status, (await visitor.get('/')).status]).toEqual([502, 200])
  })

  test('a port that is taken is told in one sentence, and nothing stays behind', async () => {
    if ('missing' in home) throw new Error(home.missing)
    const taken = createServer().listen(0, '127.0.0.1')
    await new Promise((resolve) => taken.once('listening', resolve))
    const { port } = taken.address() as AddressInfo
    await expect(start({ PORT: String(port) })).rejects.toThrow(/did not start: Cannot listen: .*EADDRINUSE/)
    await new Promise((resolve) => taken.close(resolve))
  })

  test('the settings of its Django are in order', async () => {
    if ('missing' in home) throw new Error(home.missing)
    const { python, pythonPath } = home
    const folder = join(repositoryRoot, 'examples/beside-django/django')
    const env = {
      ...environmentOf(home),
      PYTHONPATH: pythonPath === '' ? folder : `${folder}:${pythonPath}`,
      SECRET_KEY: 'a secret of the tests, of more than fifty characters in all',
      DATABASE_URL: 'sqlite::memory:',
    }
    const manage = (...args: readonly string[]): ReturnType<typeof run> =>
      run(python, [join(folder, 'manage.py'), ...args], { env })
    expect(await manage('check', '--fail-level', 'WARNING')).toMatchObject({ code: 0 })
    expect(await manage('makemigrations', '--check', '--dry-run')).toMatchObject({ code: 0 })
  })
})

/** A process that has ended and that nobody has waited for is dead too. */
function isAlive(pid: number): boolean {
  try {
    const stat = readFileSync(`/proc/${pid}/stat`, 'latin1')
    return stat.slice(stat.lastIndexOf(')') + 2, stat.lastIndexOf(')') + 3) !== 'Z'
  } catch {
    return false
  }
}

async function until(condition: () => boolean): Promise<void> {
  while (!condition()) await wait(20)
}
