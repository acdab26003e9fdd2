import { cpSync, mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, symlinkSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { dirname, join } from 'node:path'
import { filesUnder, repositoryRoot } from '../../tools/report.js'
import { readManifest, subpaths } from '../../tools/subpaths.js'
import { type Ended, run } from '../support/run.js'

const inRepository = (path: string): string => join(repositoryRoot, path)

/** The entries that stand on their framework, which whoever imports one has: Nest's decorators, Next's cookies. */
export const standOn: Readonly<Record<string, readonly string[]>> = {
  'sojourn/h3': ['h3'],
  'sojourn/nest': ['@nestjs/common', '@nestjs/core'],
  'sojourn/next': ['next/headers.js', 'next/server.js'],
}

/**
 * The package as npm makes it, and projects that have installed it: nothing of this repository is in reach of them but
 * the packages they name.
 */
export class Packed {
  readonly #folder = mkdtempSync(join(tmpdir(), 'sojourn-package-'))
  /** A project that has installed the tarball and nothing else. */
  readonly project: string = join(this.#folder, 'project')
  /** The package in that project. */
  readonly installed: string = join(this.project, 'node_modules/sojourn')

  /** Builds, packs and installs, into folders of its own. */
  static async make(): Promise<Packed> {
    const packed = new Packed()
    const made = join(packed.#folder, 'made')
    mkdirSync(made)
    mkdirSync(packed.project)
    for (const name of ['package.json', 'README.md', 'LICENSE', 'CHANGELOG.md', 'src'])
      cpSync(inRepository(name), join(made, name), { recursive: true })
    await succeed(tsc(repositoryRoot, '-p', 'tsconfig.build.json', '--outDir', join(made, 'dist')))
    await succeed(run('npm', ['pack', '--ignore-scripts', '--pack-destination', packed.#folder], { cwd: made }))
    const tarball = readdirSync(packed.#folder).find((name) => name.endsWith('.tgz')) as string
    writeFileSync(join(packed.project, 'package.json'), '{ "private": true }')
    const quiet = ['--offline', '--ignore-scripts', '--no-audit', '--no-fund']
    await succeed(run('npm', ['install', ...quiet, join(packed.#folder, tarball)], { cwd: packed.project }))
    return packed
  }

  /** All that can be imported, with the files that each pattern stands for. */
  specifiers(): readonly string[] {
    return subpaths(readManifest(this.installed)).flatMap(({ specifier, script }) => {
      if (!script.includes('*')) return [specifier]
      const [start = '', end = ''] = script.split('*')
      return filesUnder(this.installed, start, (name) => name.endsWith(end)).map((path) =>
        specifier.replace('*', path.slice(start.length, -end.length)),
      )
    })
  }

  /** All that can be imported where no peer is installed. */
  alone(): readonly string[] {
    return this.specifiers().filter((name) => standOn[name] === undefined)
  }

  /** A new project with the installed package and these others, with their commands, as npm would lay them out. */
  newProject(name: string, packages: readonly string[]): string {
    const project = join(this.#folder, name)
    cpSync(this.installed, join(project, 'node_modules/sojourn'), { recursive: true })
    for (const other of packages) link(inRepository(join('node_modules', other)), join(project, 'node_modules', other))
    for (const other of packages) {
      for (const [command, file] of commandsOf(join(project, 'node_modules', other)))
        link(inRepository(join('node_modules', other, file)), join(project, 'node_modules/.bin', command))
    }
    return project
  }

  remove(): void {
    rmSync(this.#folder, { recursive: true, force: true })
  }
}

/** TypeScript's compiler, as this repository has it. */
export function tsc(cwd: string, ...args: string[]): Promise<Ended> {
  return run(inRepository('node_modules/.bin/tsc'), args, { cwd })
}

/** Waits for a program that must end well. */
export async function succeed(running: Promise<Ended>): Promise<string> {
  const { code, stdout, stderr } = await running
  if (code !== 0) throw new Error(`The program ended with ${code}.\n${stdout}${stderr}`)
  return stdout
}

function link(target: string, path: string): void {
  mkdirSync(dirname(path), { recursive: true })
  symlinkSync(target, path)
}

function commandsOf(folder: string): readonly (readonly [string, string])[] {
  const { name, bin = {} } = JSON.parse(readFileSync(join(folder, 'package.json'), 'utf8')) as {
    readonly name: string
    readonly bin?: string | Readonly<Record<string, string>>
  }
  return typeof bin === 'string' ? [[name, bin]] : Object.entries(bin)
}
