/** What may come in: bounded by what waits for its commit, and by the room on the disk. */

import { ChasquiError } from '../../task/errors.ts'
import {
  DISK_RETRY_AFTER_MS,
  PENDING_BYTES_MAX,
  PENDING_TASKS_MAX,
  RETRY_AFTER_MS,
} from '../../task/limits.ts'
import type { Submission } from '../../task/task.ts'
import type { DiskGuard } from './disk-guard.ts'

export class Admission {
  readonly #disk: DiskGuard
  #tasks = 0
  #bytes = 0

  constructor(disk: DiskGuard) {
    this.#disk = disk
  }

  /** null: come in. */
  refusal(): ChasquiError | null {
    if (this.#disk.low) {
      return new ChasquiError(
        'DISK_LOW',
        `the disk of the store has only ${this.#disk.freeBytes} bytes free`,
        {
          retryAfterMs: DISK_RETRY_AFTER_MS,
        },
      )
    }
    if (this.#tasks >= PENDING_TASKS_MAX || this.#bytes >= PENDING_BYTES_MAX) {
      return new ChasquiError('RETRY_AFTER', `${this.#tasks} tasks wait for their commit`, {
        retryAfterMs: RETRY_AFTER_MS,
      })
    }
    return null
  }

  /** Counts a batch until it leaves: answered or refused. */
  enter(batch: readonly Submission[]): { leave(): void } {
    let bytes = 0
    for (const submission of batch) bytes += submission.dataText.length
    this.#tasks += batch.length
    this.#bytes += bytes
    return {
      leave: () => {
        this.#tasks -= batch.length
        this.#bytes -= bytes
      },
    }
  }
}
