import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { type SettingsInput, type Site, sojourn } from 'sojourn'
import { Client, type ClientResponse, type Served, serve } from 'sojourn/testing'
import { afterEach } from 'vitest'
import { createApp } from '../../examples/site/app.js'
import { formRefused } from '../../examples/site/form-refused.js'
import { demoUsers, ensureDemoUsers } from '../../examples/site/users.js'

/** The demonstration site in the test's own process, and who visits it. */

/** What the test opened: closed after it. */
export const opened: (() => unknown)[] = []
afterEach(async () => {
  for (const close of opened.splice(0).reverse()) await close()
})

export const [ada] = demoUsers as [(typeof demoUsers)[0]]

export function folder(): string {
  const path = mkdtempSync(join(tmpdir(), 'sojourn-site-'))
  opened.push(() => rmSync(path, { recursive: true, force: true }))
  return path
}

export function visitorOf(served: Pick<Served, 'origin'>): Client {
  const visitor = new Client(served.origin)
  opened.push(() => visitor.close())
  return visitor
}

/** The site, and a first visitor. */
export async function visit(
  settings: SettingsInput = {},
): Promise<{ readonly site: Site; readonly served: Served; readonly visitor: Client }> {
  const site = sojourn({
    secretKey: 'a secret of the tests, of more than fifty characters in all',
    databases: { default: 'sqlite::memory:' },
    loginUrl: '/login',
    pbkdf2Iterations: 1000,
    sessionUserIndex: true,
    csrfFailureView: formRefused,
    ...settings,
  } as SettingsInput)
  opened.push(() => site.close())
  await ensureDemoUsers(site)
  const served = await serve(createApp(site))
  opened.push(() => served.close())
  return { site, served, visitor: visitorOf(served) }
}

/** Fetches a page for its form's token, sends the form, and gives the answer to it. */
export async function submit(
  visitor: Client,
  page: string,
  path: string,
  fields: Readonly<Record<string, string>> = {},
): Promise<ClientResponse> {
  await visitor.get(page)
  return visitor.post(path, fields)
}

export function add(visitor: Client, item: string): Promise<ClientResponse> {
  return submit(visitor, '/', '/cart/add', { item })
}

export function logIn(
  visitor: Client,
  user: Readonly<Record<'username' | 'password', string>> = ada,
): Promise<ClientResponse> {
  return submit(visitor, '/login', '/login', { ...user })
}

export async function dataOf(visitor: Client): Promise<unknown> {
  return (await visitor.get('/session.json')).json().data
}

/** Whether this visitor is somebody. */
export async function isLoggedIn(visitor: Client): Promise<boolean> {
  return (await visitor.get('/checkout')).status === 200
}

/** The flash texts of a page, each with its classes. */
export function messagesIn({ text }: ClientResponse): readonly (readonly [tags: string, message: string])[] {
  const list = /<ul class="messages".*?<\/ul>/s.exec(text)?.[0] ?? ''
  return [...list.matchAll(/<li class="([^"]*)">(.*?)<\/li>/gs)].map(([, tags = '', message = '']) => [tags, message])
}

/** What a page says beside the fields that it refuses, by the field. */
export function faultsIn({ text }: ClientResponse): Readonly<Record<string, string>> {
  const faults = [...text.matchAll(/<p class="refused" id="(\w+)-fault">(.*?)<\/p>/gs)]
  return Object.fromEntries(faults.map(([, field, fault]) => [field, fault]))
}
