import { spawnSync } from 'node:child_process'
import { mkdirSync, rmSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { repositoryRoot } from '../../tools/report.js'
import { readManifest, subpaths } from '../../tools/subpaths.js'

/**
 * What a user of each framework declares once types the session where its people look for it. A declaration is everybody's, so each is
 * a program of its own: below node_modules, where it finds frameworks as a user's file would.
 */
const folder = join(repositoryRoot, 'node_modules/.cache', `sojourn-declared-${process.pid}`)

const BY_HAND = `
declare module 'sojourn' {
  interface SessionData {
    username: string
    cart: number[]
  }
}`

const BY_SCHEMA = `
import type { SchemaData } from 'sojourn'
import { z } from 'zod'
const schema = z.object({ username: z.string(), cart: z.array(z.number()) })
declare module 'sojourn' {
  interface SessionData extends SchemaData<typeof schema> {}
}`

/** For each framework: how a page comes by \`session\`. */
const frameworks: Readonly<Record<string, readonly [imports: string, page: (uses: string) => string]>> = {
  express: [
    `import express from 'express'
import { sojourn } from 'sojourn/express'`,
    (uses) => `express().use(sojourn({ secretKey: 'x' })).get('/', (req, res) => {
  const { session } = req
${uses}
  res.send(session.username)
})`,
  ],
  node: [
    "import { sojourn } from 'sojourn/node'",
    (uses) => `sojourn({ secretKey: 'x' }).handle((request, response) => {
  const { session } = request
${uses}
  response.end(session.username)
})`,
  ],
  fetch: [
    "import { getSession, sojourn } from 'sojourn/fetch'",
    (uses) => `sojourn({ secretKey: 'x' })(async (request) => {
  const session = await getSession(request)
${uses}
  return new Response(session.username)
})`,
  ],
  fastify: [
    `import Fastify from 'fastify'
import { sojourn } from 'sojourn/fastify'
const app = Fastify()
await app.register(sojourn({ secretKey: 'x' }))`,
    (uses) => `app.get('/', (request) => {
  const { session } = request
${uses}
  return session.username
})`,
  ],
  nest: [
    `import { Controller, Get, Session as Visitors } from '@nestjs/common'
import type { Session } from 'sojourn/nest'`,
    (uses) => `class Home {
  greet(session: Session) {
${uses}
    return session.username
  }
}
Controller()(Home)
Get()(Home.prototype, 'greet', Object.getOwnPropertyDescriptor(Home.prototype, 'greet') as PropertyDescriptor)
Visitors()(Home.prototype, 'greet', 0)`,
  ],
  koa: [
    `import Koa from 'koa'
import { sojourn } from 'sojourn/koa'`,
    (uses) => `new Koa().use(sojourn({ secretKey: 'x' })).use((ctx) => {
  const { session } = ctx
${uses}
  ctx.body = session.username
})`,
  ],
  hono: [
    `import { Hono } from 'hono'
import { sojourn } from 'sojourn/hono'`,
    (uses) => `new Hono().use(sojourn({ secretKey: 'x' })).get('/', (c) => {
  const { session } = c.var
${uses}
  return c.text(session.username ?? 'Guest')
})`,
  ],
  h3: [
    `import { H3 } from 'h3'
import { sojourn } from 'sojourn/h3'`,
    (uses) => `new H3().use(sojourn({ secretKey: 'x' })).get('/', (event) => {
  const { session } = event.context
${uses}
  return session.username
})`,
  ],
  next: [
    `import { getSession, sojourn } from 'sojourn/next'
const sessions = sojourn({ secretKey: 'x' })`,
    (uses) => `sessions.withSession(async (request) => {
  const session = await getSession(request)
${uses}
  return Response.json(session.username)
})
export const component = async () => {
  const session = await sessions.getSession()
  const name: string | undefined = session.username
  // @ts-expect-error a component cannot change it
  session.username = 'ann'
  // @ts-expect-error nor by a method
  session.flush()
  return name
}`,
  ],
  sveltekit: [
    `import { sojourn } from 'sojourn/sveltekit'
export const handle = sojourn({ secretKey: 'x' })`,
    (uses) => `export const load = ({ locals }: { locals: App.Locals }) => {
  const { session } = locals
${uses}
  return { username: session.username }
}`,
  ],
}

const USES = `
  const name: string | undefined = session.username
  // @ts-expect-error it may not be there
  session.cart.push(1)
  session.cart = [...(session.cart ?? []), 1]
  session.set('username', session.get('username', 'Guest') + name)
  // @ts-expect-error a wrong type
  session.username = 1
  // @ts-expect-error a wrong type by set
  session.set('cart', 'none')
  // @ts-expect-error a key that nobody declared
  session.usename = 'john_doe'
`

beforeAll(() => {
  mkdirSync(folder, { recursive: true })
  writeFileSync(join(folder, 'package.json'), '{ "type": "module" }')
})

afterAll(() => {
  rmSync(folder, { recursive: true, force: true })
})

/** What the compiler says against a program. */
function complaints(name: string, code: string): string {
  const file = `${name}.ts`
  const paths = subpaths(readManifest(repositoryRoot)).map(({ specifier, source }) => [
    specifier,
    [join(repositoryRoot, source)],
  ])
  writeFileSync(join(folder, file), code)
  const config = `${name}.json`
  const configuration = {
    extends: join(repositoryRoot, 'tsconfig.json'),
    compilerOptions: { paths: Object.fromEntries(paths) },
    files: [file],
    include: [],
  }
  writeFileSync(join(folder, config), JSON.stringify(configuration))
  const tsc = join(repositoryRoot, 'node_modules/.bin/tsc')
  return spawnSync(tsc, ['-p', config, '--pretty', 'false'], { cwd: folder, encoding: 'utf8' }).stdout
}

const declarations = { 'by hand': BY_HAND, 'by a schema': BY_SCHEMA }

test.each(
  Object.entries(frameworks).flatMap(([framework, [imports, page]]) =>
    Object.entries(declarations).map(([how, declaration]) => ({ framework, how, imports, page, declaration })),
  ),
)("$framework: a session's data declared $how are what its pages see", ({ framework, imports, page, declaration }) => {
  expect(complaints(framework, [imports, declaration, page(USES)].join('\n'))).toBe('')
})

test('what is not declared is not known: each of these lines is looked at', () => {
  const [imports, page] = frameworks['node'] as (typeof frameworks)[string]
  // Without a declaration every key is allowed, so that what must not compile does.
  expect(complaints('undeclared', [imports, page(USES)].join('\n')).match(/TS2578/g)).toHaveLength(3)
})
