import { randomUUID } from 'node:crypto'
import { copyFile, readFile, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { Client } from 'sojourn/testing'
import { need, programPath } from '../../support/debian.js'
import { run } from '../../support/run.js'
import type { Running } from './running.js'

/** A page of either side, and what all pages of the example show. */
export interface Page {
  readonly status: number
  readonly text: string
  readonly user: string | undefined
  readonly cart: string | undefined
  readonly messages: readonly string[]
}

type Fields = Readonly<Record<string, string>>

interface Answer {
  readonly status: number
  readonly text: string
}

/** Asks with the cookies of one visitor, and keeps those that come. */
interface Asking {
  ask(path: string, fields?: Fields): Promise<Answer>
  cookie(name: string): Promise<string | undefined>
  /** Somebody else with the same cookies. */
  copy(): Promise<Asking>
}

/** Somebody at the example's one address: by curl with a cookie jar where it is installed, else by sojourn's own client. */
export class Visitor {
  readonly #asking: Asking
  /** The token of the last form that was shown. */
  token: string | undefined

  constructor(asking: Asking) {
    this.#asking = asking
  }

  async get(path: string): Promise<Page> {
    return this.#page(await this.#asking.ask(path))
  }

  /** Posts a form with the token of the last page, or with another, or without: `null`. */
  async post(path: string, fields: Fields, token: string | null | undefined = this.token): Promise<Page> {
    const hidden: Fields = typeof token === 'string' ? { csrfmiddlewaretoken: token } : {}
    return this.#page(await this.#asking.ask(path, { ...hidden, ...fields }))
  }

  cookie(name: string): Promise<string | undefined> {
    return this.#asking.cookie(name)
  }

  async thief(): Promise<Visitor> {
    return new Visitor(await this.#asking.copy())
  }

  #page({ status, text }: Answer): Page {
    this.token = /name="csrfmiddlewaretoken" value="([A-Za-z0-9]+)"/.exec(text)?.[1] ?? this.token
    const shown = (id: string): string | undefined => {
      const found = new RegExp(`<b id="${id}">([^<]*)</b>`).exec(text)?.[1]
      return found === undefined ? undefined : unescapeHtml(found)
    }
    const list = /<ul id="messages">(.*?)<\/ul>/s.exec(text)?.[1] ?? ''
    const messages = [...list.matchAll(/<li class="([^"]*)">(.*?)<\/li>/gs)].map(
      ([, tags, message = '']) => `${tags}: ${unescapeHtml(message)}`,
    )
    return { status, text, user: shown('user'), cart: shown('cart'), messages }
  }
}

let curl: Promise<boolean> | undefined

export async function newVisitor({ origin, folder }: Running): Promise<Visitor> {
  curl ??= need('curl').then(() => programPath('curl') !== undefined)
  return new Visitor((await curl) ? new Curl(origin, folder) : new OwnClient(origin))
}

class Curl implements Asking {
  readonly #origin: string
  readonly #folder: string
  readonly #jar: string

  constructor(origin: string, folder: string) {
    this.#origin = origin
    this.#folder = folder
    this.#jar = join(folder, `jar-${randomUUID()}`)
  }

  async ask(path: string, fields?: Fields): Promise<Answer> {
    const form = Object.entries(fields ?? {}).flatMap(([name, value]) => ['--data-urlencode', `${name}=${value}`])
    if (fields !== undefined && form.length === 0) form.push('--data', '')
    const options = ['-q', '--silent', '--show-error', '--include', '--noproxy', '*', '--max-time', '30']
    const jar = ['--cookie', this.#jar, '--cookie-jar', this.#jar]
    const { code, stdout, stderr } = await run('curl', [...options, ...jar, ...form, this.#origin + path])
    const [, status, head = '', text = ''] = /^HTTP\/1\.1 (\d{3})(.*?)\r\n\r\n(.*)$/s.exec(stdout) ?? []
    if (code !== 0 || status === undefined) throw new Error(`curl ${path} ended with ${code}: ${stderr}`)
    const deleted = [...head.matchAll(/^set-cookie: (\w+)=[^\r]*; Max-Age=0(?:;|\r|$)/gim)].map(([, name]) => name)
    if (deleted.length > 0) await this.#forget(deleted)
    return { status: Number(status), text }
  }

  /** curl 7.88, Debian 12's, reads its jar again before it writes it, and may so bring back what was just deleted. */
  async #forget(names: readonly unknown[]): Promise<void> {
    const lines = (await readFile(this.#jar, 'utf8')).split('\n')
    await writeFile(this.#jar, lines.filter((line) => !names.includes(line.split('\t')[5])).join('\n'))
  }

  async cookie(name: string): Promise<string | undefined> {
    const lines = (await readFile(this.#jar, 'utf8')).split('\n').map((line) => line.split('\t'))
    return lines.find((columns) => columns[5] === name)?.[6]
  }

  async copy(): Promise<Curl> {
    const other = new Curl(this.#origin, this.#folder)
    await copyFile(this.#jar, other.#jar)
    return other
  }
}

class OwnClient implements Asking {
  readonly #origin: string
  readonly #client: Client

  constructor(origin: string) {
    this.#origin = origin
    this.#client = new Client(origin)
  }

  ask(path: string, fields?: Fields): Promise<Answer> {
    this.#client.token = undefined
    const headers = { Connection: 'close' }
    return fields === undefined ? this.#client.get(path, { headers }) : this.#client.post(path, fields, { headers })
  }

  async cookie(name: string): Promise<string | undefined> {
    return this.#client.cookies.get(name)
  }

  async copy(): Promise<OwnClient> {
    const other = new OwnClient(this.#origin)
    for (const name of ['sessionid', 'csrftoken', 'messages']) {
      const value = this.#client.cookies.get(name)
      if (value !== undefined) other.#client.cookies.set(name, value)
    }
    return other
  }
}

const NAMED: Readonly<Record<string, string>> = { lt: '<', gt: '>', quot: '"', amp: '&' }

function unescapeHtml(text: string): string {
  return text.replace(/&(?:#x([0-9a-f]+)|#(\d+)|(\w+));/gi, (entity, hex, decimal, name) => {
    if (name !== undefined) return NAMED[name] ?? entity
    return String.fromCodePoint(hex === undefined ? Number(decimal) : Number.parseInt(hex, 16))
  })
}
