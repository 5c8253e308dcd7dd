/** Looks at the free space of the store's disk once a second, so that new tasks are refused while results can still be written. */

import { statfsSync } from 'node:fs'
import { statfs } from 'node:fs/promises'

const LOOK_MS = 1_000

export class DiskGuard {
  readonly #directory: string
  readonly #freeBytesMin: number
  #freeBytes: number
  #timer: NodeJS.Timeout
  #closed = false

  constructor(directory: string, freeBytesMin: number) {
    this.#directory = directory
    this.#freeBytesMin = freeBytesMin
    const now = statfsSync(directory)
    this.#freeBytes = now.bavail * now.bsize
    this.#timer = setTimeout(() => this.#look(), LOOK_MS).unref()
  }

  get freeBytes(): number {
    return this.#freeBytes
  }

  get reserveBytes(): number {
    return this.#freeBytesMin
  }

  get low(): boolean {
    return this.#freeBytes < this.#freeBytesMin
  }

  #look(): void {
    void statfs(this.#directory)
      .then(
        (now) => {
          this.#freeBytes = now.bavail * now.bsize
        },
        // The folder is gone or unreadable: the next write will say so; keep the last reading.
        () => undefined,
      )
      .finally(() => {
        if (!this.#closed) this.#timer = setTimeout(() => this.#look(), LOOK_MS).unref()
      })
  }

  close(): void {
    this.#closed = true
    clearTimeout(this.#timer)
  }
}
