/**
 * Notices that small files were replaced: certificates, tokens. By looking, for what tells of changes differs from one file system to the next, and a
 * secret that is mounted is replaced by turning a link round.
 *
 * Invariant: a change is told once it has stayed the same for one more look, so that a pair of files is not read when half of it is replaced.
 */

import { createHash } from 'node:crypto'
import { readFile } from 'node:fs/promises'
import type { Clock, Timer } from '../task/clock.ts'
import { FILE_LOOK_MS } from '../task/limits.ts'

export interface FileWatch {
  close(): void
}

export function watchFiles(paths: readonly string[], clock: Clock, onChange: () => void): FileWatch {
  return new Watcher(paths, clock, onChange)
}

class Watcher implements FileWatch {
  readonly #paths: readonly string[]
  readonly #clock: Clock
  readonly #onChange: () => void
  /** What was told last; null: nothing was looked at yet. */
  #told: string | null = null
  #seen: string | null = null
  #timer: Timer | null = null
  #closed = false

  constructor(paths: readonly string[], clock: Clock, onChange: () => void) {
    this.#paths = paths
    this.#clock = clock
    this.#onChange = onChange
    void this.#look()
  }

  close(): void {
    this.#closed = true
    this.#timer?.cancel()
  }

  async #look(): Promise<void> {
    const now = await digest(this.#paths)
    if (this.#closed) return
    this.#told ??= now
    const isSteady = now === this.#seen
    this.#seen = now
    if (isSteady && now !== this.#told) {
      this.#told = now
      this.#onChange()
    }
    this.#timer = this.#clock.at(this.#clock.nowMs() + FILE_LOOK_MS, () => void this.#look())
  }
}

/** A file that is not there is a state like any other. */
async function digest(paths: readonly string[]): Promise<string> {
  const hash = createHash('sha256')
  for (const path of paths) {
    const bytes = await readFile(path).catch(() => null)
    hash.update(bytes === null ? 'none' : `${bytes.length}:`).update(bytes ?? '')
  }
  return hash.digest('base64')
}
