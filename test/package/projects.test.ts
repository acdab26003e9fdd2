import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { cpSync, readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { createInterface } from 'node:readline'
import type { Readable } from 'node:stream'
import { afterAll, beforeAll, describe, expect, onTestFinished, test } from 'vitest'
import { repositoryRoot } from '../../tools/report.js'
import { run } from '../support/run.js'
import { type RuntimeName, runtime } from '../support/runtimes.js'
import { Packed, succeed } from './packed.js'

const fixtures = join(repositoryRoot, 'test/package/fixtures')

let packed: Packed

beforeAll(async () => {
  packed = await Packed.make()
}, 120_000)

afterAll(() => packed.remove())

/** A project of fixtures/, with what its package.json names and nothing else. */
function projectOf(name: string): string {
  const fixture = join(fixtures, name)
  const { dependencies, devDependencies = {} } = JSON.parse(readFileSync(join(fixture, 'package.json'), 'utf8')) as {
    readonly dependencies: Readonly<Record<string, string>>
    readonly devDependencies?: Readonly<Record<string, string>>
  }
  const others = Object.keys({ ...dependencies, ...devDependencies }).filter((other) => other !== 'sojourn')
  const project = packed.newProject(name, others)
  cpSync(fixture, project, { recursive: true })
  return project
}

const withTest = readdirSync(fixtures).filter((name) => name !== 'worker')

describe.each(withTest)('a project that is %s', (name) => {
  let project: string

  beforeAll(() => {
    project = projectOf(name)
  })

  test('keeps a visitor', async () => {
    expect(await succeed(run('npm', ['test', '--silent'], { cwd: project }))).toBe('kept\n')
  })

  if (!['esm', 'commonjs'].includes(name)) return
  test.each<RuntimeName>(['node22', 'node24', 'node26'])(
    'keeps a visitor on %s, which warns of nothing',
    async (version) => {
      const { code, stdout, stderr } = await run(await runtime(version), ['site.js'], { cwd: project })
      expect({ code, stdout, stderr }).toEqual({ code: 0, stdout: 'kept\n', stderr: '' })
    },
    300_000,
  )
})

test('a Worker keeps a visitor, in a bundle that holds no package but this one', async () => {
  const project = projectOf('worker')
  await succeed(run('npm', ['run', 'build', '--silent'], { cwd: project }))
  const { url, errors } = await serve(await runtime('workerd'), project)
  const first = await fetch(url)
  const cookie = first.headers.getSetCookie()[0]?.split(';')[0] ?? ''
  expect(await first.text()).toBe('visit 1')
  expect(await (await fetch(url, { headers: { cookie } })).text()).toBe('visit 2')
  expect(errors()).toBe('')
}, 300_000)

/** workerd on a free port, which it tells of on a pipe that it is given. */
async function serve(program: string, cwd: string): Promise<{ readonly url: string; errors(): string }> {
  const args = ['serve', '--control-fd=3', 'workerd.capnp']
  const child = spawn(program, args, { cwd, stdio: ['ignore', 'ignore', 'pipe', 'pipe'] })
  const exited = once(child, 'exit')
  onTestFinished(async () => {
    child.kill()
    await exited
  })
  let text = ''
  child.stderr?.setEncoding('utf8').on('data', (piece: string) => (text += piece))
  for await (const line of createInterface(child.stdio[3] as Readable)) {
    const { event, port } = JSON.parse(line) as { readonly event: string; readonly port?: number }
    if (event === 'listen') return { url: `http://127.0.0.1:${port}/`, errors: () => text }
  }
  throw new Error(`workerd did not listen.\n${text}`)
}
