import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { closeSync, openSync, rmSync, writeSync } from 'node:fs'
import { chmod, mkdtemp, rmdir, statfs } from 'node:fs/promises'
import type { Socket } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { run } from '../support/run.js'

/** A disk of its own, in memory, that one can fill up. */
export class SmallDisk implements AsyncDisposable {
  readonly folder: string
  readonly #keeper: ReturnType<typeof spawn>
  #filling: ReturnType<typeof setInterval> | null = null

  private constructor(folder: string) {
    this.folder = folder
    // Should this process die, the kernel closes the pipe, and the disk goes.
    this.#keeper = spawn('sh', ['-c', 'read -r _; umount -l "$1"; rmdir "$1"', 'sh', folder], {
      cwd: '/',
      detached: true,
      stdio: ['pipe', 'ignore', 'ignore'],
    })
    this.#keeper.unref()
    ;(this.#keeper.stdin as unknown as Socket).unref()
  }

  /** `undefined` where one may not mount a disk: that takes root, with CAP_SYS_ADMIN. */
  static async mount(megabytes: number): Promise<SmallDisk | undefined> {
    const folder = await mkdtemp(join(tmpdir(), 'sojourn-disk-'))
    const { code } = await run('mount', ['-t', 'tmpfs', '-o', `size=${megabytes}m`, 'tmpfs', folder], {
      cwd: '/',
    }).catch(() => ({ code: 1 }))
    if (code !== 0) {
      await rmdir(folder)
      return undefined
    }
    await chmod(folder, 0o777)
    return new SmallDisk(folder)
  }

  /** Starts something that keeps its data in a temporary folder, which is then on this disk. */
  async holding<T>(start: () => Promise<T>): Promise<T> {
    const before = process.env['TMPDIR']
    process.env['TMPDIR'] = this.folder
    try {
      return await start()
    } finally {
      if (before === undefined) delete process.env['TMPDIR']
      else process.env['TMPDIR'] = before
    }
  }

  /** Not a byte is free from now on, also if somebody removes something. */
  async fill(): Promise<void> {
    const { bavail, bsize } = await statfs(this.folder)
    await run('fallocate', ['--length', String(bavail * bsize), this.#filler])
    const file = openSync(this.#filler, 'a')
    const more = (): void => {
      for (const size of [1 << 20, 1 << 12]) {
        const bytes = Buffer.alloc(size, 'x')
        try {
          while (writeSync(file, bytes) === size);
        } catch {
          // No more of this size.
        }
      }
    }
    more()
    this.#filling = setInterval(more, 10)
    this.#filling.ref()
    this.#close = () => closeSync(file)
  }

  free(): void {
    if (this.#filling === null) return
    clearInterval(this.#filling)
    this.#filling = null
    this.#close()
    rmSync(this.#filler, { force: true })
  }

  #close: () => void = () => undefined

  get #filler(): string {
    return join(this.folder, 'filler')
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.free()
    const ended = once(this.#keeper, 'exit')
    this.#keeper.ref()
    this.#keeper.stdin?.end('\n')
    await ended
  }
}
