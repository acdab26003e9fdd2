import { existsSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { describe, expect, test } from 'vitest'
import { filesUnder, repositoryRoot } from '../../tools/report.js'

const read = (path: string): string => readFileSync(join(repositoryRoot, path), 'utf8')

interface PackageJson {
  readonly dependencies?: Readonly<Record<string, string>>
  readonly version: string
  readonly scripts: Readonly<Record<string, string>>
  readonly devDependencies: Readonly<Record<string, string>>
  readonly peerDependencies: Readonly<Record<string, string>>
  readonly peerDependenciesMeta: Readonly<Record<string, { readonly optional?: boolean }>>
}

function exampleProjects(): readonly PackageJson[] {
  return filesUnder(repositoryRoot, 'examples', (name) => name === 'package.json').map((path) => JSON.parse(read(path)))
}

const manifest = JSON.parse(read('package.json')) as PackageJson

describe('package.json', () => {
  test('pins every tool to one version', () => {
    const loose = Object.entries(manifest.devDependencies).filter(
      ([, range]) => !/^(npm:[^@]+@)?\d+\.\d+\.\d+$/.test(range),
    )
    expect(loose).toEqual([])
  })

  test('asks for no peer that is not optional, and tests each: here, or in an example that is a project of its own', () => {
    const tested = [manifest, ...exampleProjects()].flatMap(({ dependencies = {}, devDependencies = {} }) =>
      Object.keys({ ...dependencies, ...devDependencies }),
    )
    for (const name of Object.keys(manifest.peerDependencies)) {
      expect(manifest.peerDependenciesMeta[name]).toEqual({ optional: true })
      expect(tested).toContain(name)
    }
  })

  test.each(Object.entries(manifest.scripts))('has a script %s whose file is there', (_, script) => {
    const files = [...script.matchAll(/\b[\w./-]+\.(?:ts|json)\b/g)].map(([file]) => file)
    expect(files.filter((file) => !existsSync(join(repositoryRoot, file)))).toEqual([])
  })
})

test.each(['package-lock.json', ...filesUnder(repositoryRoot, 'examples', (name) => name === 'package-lock.json')])(
  '%s names no registry',
  (path) => {
    expect(read(path)).not.toMatch(/"resolved": "(?!file:)|https?:\/\/[^"]*\.tgz/)
  },
)

test('the changes of the next version have their place', () => {
  expect(read('CHANGELOG.md')).toMatch(/^## Unreleased$/m)
})

test('the licence is MIT', () => {
  expect(read('LICENSE')).toMatch(/^MIT License\n\nCopyright \(c\) 2026 the sojourn authors\n/)
})
