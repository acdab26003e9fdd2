import { closeSync, constants, fsync, openSync } from 'node:fs'
import { promisify } from 'node:util'

const flush = promisify(fsync)

/** Waits until a file's data are on the disk, elsewhere than on this thread, and closes it. */
export async function flushAndClose(fd: number): Promise<void> {
  try {
    await flush(fd)
  } finally {
    closeSync(fd)
  }
}

/**
 * Brings the names in a folder to the disk: after a power cut a file that was renamed or deleted would else be what it was.
 * All who ask while one flush is under way share the next.
 */
export class FolderFlush {
  readonly #folder: string
  #running: Promise<void> | null = null
  #next: Promise<void> | null = null

  constructor(folder: string) {
    this.#folder = folder
  }

  flush(): Promise<void> {
    if (this.#running === null) return this.#begin()
    const begin = (): Promise<void> => this.#begin()
    this.#next ??= this.#running.then(begin, begin)
    return this.#next
  }

  #begin(): Promise<void> {
    this.#next = null
    const running = this.#flush().finally(() => {
      if (this.#running === running) this.#running = null
    })
    this.#running = running
    return running
  }

  async #flush(): Promise<void> {
    // Windows opens no folders, and writes names down by itself.
    if (constants.O_DIRECTORY === undefined) return
    await flushAndClose(openSync(this.#folder, constants.O_RDONLY | constants.O_DIRECTORY))
  }
}
