/**
 * Imports point one way. The tables below are that way; this reads the import lines of src/ and holds each file to them.
 *
 *     tsx tools/check-imports.ts [root]
 */
import { readFileSync } from 'node:fs'
import { builtinModules } from 'node:module'
import { join, posix } from 'node:path'
import { filesUnder, type Report, runAsProgram } from './report.js'

const below = ['errors', 'wire', 'core']
const parts = ['csrf', 'auth', 'messages', 'tokens']
const stores = ['codecs', 'engines', 'databases', 'caches']

/** What each folder of src/ may import besides itself. A file right in src/ is `site`, but for errors.ts. */
const mayImport: Readonly<Record<string, readonly string[]>> = {
  errors: [],
  wire: ['errors'],
  core: ['errors', 'wire'],
  codecs: below,
  engines: [...below, 'codecs', 'caches'],
  databases: below,
  caches: below,
  csrf: below,
  auth: below,
  messages: below,
  tokens: [...below, 'auth'],
  ws: [...below, 'auth'],
  sites: [...below, 'auth', 'csrf', 'tokens'],
  oidc: [...below, 'auth', 'csrf', 'sites'],
  import: below,
  site: [...below, ...stores, ...parts],
  adapters: [...below, ...parts, 'site'],
  testing: [...below, ...stores, ...parts, 'site', 'adapters'],
  cli: [...below, ...stores, ...parts, 'site', 'adapters'],
}

/** Files that hold only an interface, which others besides those of the table stand on. */
const contracts: Readonly<Record<string, readonly string[]>> = {
  'src/databases/database.js': ['engines', 'auth'],
}

/** Who may use Node's modules. Every runtime we serve has the first two; the others are Node's own. */
const nodeModules: Readonly<Record<string, RegExp>> = {
  'node:crypto': /^src\/(wire\/|auth\/hashers\/)/,
  'node:zlib': /^src\/wire\//,
}
const otherNodeModules =
  /^src\/(adapters\/(on-node\/[^/]+|next|next\/pages|nest|node|express|fastify-reply|koa)\.ts|databases\/|caches\/memcached\b|engines\/(file|(user-index|links)\/in-folder)\b|cli\/|testing\/)/

/** A framework, driver or template engine is named in one file only, so that no other needs it installed. */
const packages: Readonly<Record<string, string>> = {
  express: 'src/adapters/express.ts',
  fastify: 'src/adapters/fastify.ts',
  koa: 'src/adapters/koa.ts',
  hono: 'src/adapters/hono.ts',
  h3: 'src/adapters/h3.ts',
  next: 'src/adapters/next/framework.ts',
  '@nestjs/common': 'src/adapters/nest.ts',
  '@nestjs/core': 'src/adapters/nest.ts',
  'better-sqlite3': 'src/databases/sqlite.ts',
  pg: 'src/databases/postgres.ts',
  mysql2: 'src/databases/mysql.ts',
  redis: 'src/caches/redis/open.ts',
  argon2: 'src/auth/hashers/packaged.ts',
  bcrypt: 'src/auth/hashers/packaged.ts',
  'openid-client': 'src/oidc/openid-client.ts',
  jose: 'src/oidc/jose.ts',
}

const builtins = new Set(builtinModules)

export interface ImportLine {
  readonly specifier: string
  readonly line: number
}

/**
 * The modules a source names: `import`, `export ... from`, which begin a line here, and `import()`, `import('x').T` and
 * `require()` anywhere but in a comment's line.
 */
export function importLines(source: string): readonly ImportLine[] {
  const statement = /^(?:import|export)\b(?:[^'"`;()=]*?\bfrom)?\s*['"]([^'"\n]+)['"]/gm
  const call = /^(?!\s*(?:\*|\/\/|\/\*)).*?\b(?:import|require)\s*\(\s*['"]([^'"\n]+)['"]/gm
  const found: ImportLine[] = []
  for (const pattern of [statement, call]) {
    for (const match of source.matchAll(pattern)) {
      const line = source.slice(0, match.index).split('\n').length
      found.push({ specifier: match[1] as string, line })
    }
  }
  return found.sort((a, b) => a.line - b.line)
}

export function checkImports(root: string): Report {
  const files = filesUnder(root, 'src', (name) => name.endsWith('.ts'))
  const problems: string[] = []
  let count = 0
  for (const file of files) {
    for (const { specifier, line } of importLines(readFileSync(join(root, file), 'utf8'))) {
      count += 1
      const problem = judge(file, specifier)
      if (problem !== undefined) problems.push(`${file}:${line} ${problem}`)
    }
  }
  if (files.length === 0) problems.push('src:1 has no sources')
  return { problems, summary: `imports: ${count} in ${files.length} files, all one way` }
}

function judge(file: string, specifier: string): string | undefined {
  if (specifier.startsWith('.')) return judgeOwn(file, specifier)
  if (specifier.startsWith('node:')) {
    const allowed = nodeModules[specifier] ?? otherNodeModules
    return allowed.test(file) ? undefined : `may not import '${specifier}'`
  }
  if (builtins.has(specifier)) return `imports '${specifier}' without 'node:'`
  const name = specifier.split('/', specifier.startsWith('@') ? 2 : 1).join('/')
  const home = packages[name]
  if (home === undefined) return `imports '${name}', which no source may: sojourn has no dependencies`
  return home === file ? undefined : `names '${name}', which only ${home} may`
}

function judgeOwn(file: string, specifier: string): string | undefined {
  if (!specifier.endsWith('.js')) return `imports '${specifier}' without its ending .js`
  const target = posix.join(posix.dirname(file), specifier)
  if (!target.startsWith('src/')) return `imports '${specifier}' from outside src/`
  const from = folderOf(file)
  const to = folderOf(target)
  if (from === to) return undefined
  const allowed = mayImport[from]
  if (allowed === undefined) return `is in src/${from}/, whose imports tools/check-imports.ts says nothing of`
  return allowed.includes(to) || contracts[target]?.includes(from)
    ? undefined
    : `imports '${specifier}': ${from} may not import ${to}`
}

function folderOf(path: string): string {
  const [, first = '', ...rest] = path.split('/')
  if (rest.length > 0) return first
  return first.startsWith('errors.') ? 'errors' : 'site'
}

await runAsProgram(import.meta.url, checkImports)
