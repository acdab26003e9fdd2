import { existsSync } from 'node:fs'
import { chmod, chown, mkdir, mkdtemp, readdir, rename, rm } from 'node:fs/promises'
import { tmpdir, userInfo } from 'node:os'
import { basename, join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { withLock } from '../lock.js'
import type { Account } from './account.js'
import { runOrThrow } from './run-as.js'
import type { Place } from './server.js'

const cache = fileURLToPath(new URL('../../../node_modules/.cache/sojourn-servers/', import.meta.url))

/**
 * Fills a server's data folder, if it is empty, with a copy of one that was made once, because making it takes seconds. The copy in
 * node_modules/.cache is one per version of the program and user of the machine; delete it to have it made anew.
 *
 * @param make - makes the folder `data`, which is empty and the server's user's own
 */
export async function copyTemplate(
  place: Place,
  program: string,
  make: (folder: string, data: string) => Promise<void>,
): Promise<void> {
  if ((await readdir(place.data)).length > 0) return
  const printed = await runOrThrow([program, '--version'])
  const version = /\d+\.[\w.]+/.exec(printed)?.[0] ?? 'unknown'
  const template = join(cache, `${basename(program)}-${version}-${userInfo().uid}`)
  await mkdir(cache, { recursive: true })
  await withLock(`${template}.lock`, async () => {
    if (!existsSync(template)) await makeTemplate(template, place.account, make)
  })
  await runOrThrow(['cp', '-a', '--reflink=auto', `${template}/.`, place.data])
}

/** The server's user may not be able to enter the checkout: made elsewhere, copied beside, and only then renamed. */
async function makeTemplate(
  template: string,
  account: Account | undefined,
  make: (folder: string, data: string) => Promise<void>,
): Promise<void> {
  const folder = await mkdtemp(join(tmpdir(), 'sojourn-template-'))
  const data = join(folder, 'data')
  const copy = `${template}.new`
  try {
    await mkdir(data, { mode: 0o700 })
    if (account !== undefined) for (const path of [folder, data]) await chown(path, account.uid, account.gid)
    await make(folder, data)
    await rm(copy, { recursive: true, force: true })
    await runOrThrow(['cp', '-a', data, copy])
    await chmod(copy, 0o700)
    await rename(copy, template)
  } finally {
    await rm(folder, { recursive: true, force: true })
  }
}
