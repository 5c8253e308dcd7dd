/**
 * Each final task as a document `task_<id>.json` in an object store, for those who read results without asking Chasqui.
 *
 * The rows are the truth: a row in `document` says which are not written yet, and goes away after the write. So a crash at
 * any moment leaves at worst a document that is written twice, with the same content.
 */

import type { ObjectStore } from '../../objects/object-store.ts'
import { documentName } from '../../task/ids.ts'
import { DOCUMENT_RETRY_MS, DOCUMENTS_AT_ONCE_MAX } from '../../task/limits.ts'
import type { TaskRecord } from '../../task/task.ts'
import { writeRecord } from '../../wire/record-codec.ts'

export interface DocumentSource {
  /** Sequence numbers of tasks whose documents are not written, oldest first. */
  pending(limit: number): number[]
  /** null: purged meanwhile. */
  record(seq: number): TaskRecord | null
  /** Takes the marks away, in a transaction. */
  written(seqs: readonly number[]): Promise<void>
  failed(error: unknown): void
}

export class Documents {
  readonly #objects: ObjectStore
  readonly #source: DocumentSource
  #running: Promise<void> | null = null
  #again = false
  #retry: NodeJS.Timeout | null = null
  #closed = false

  constructor(objects: ObjectStore, source: DocumentSource) {
    this.#objects = objects
    this.#source = source
  }

  /** There is something to write. */
  wake(): void {
    if (this.#closed || this.#retry !== null) return
    this.#again = true
    if (this.#running !== null) return
    this.#running = this.#run().finally(() => {
      this.#running = null
      if (this.#again) this.wake()
    })
  }

  /** Writes what is left, for so long at most; the rest is written after the next opening. */
  async drain(deadlineMs: number): Promise<void> {
    this.wake()
    const running = this.#running
    if (running === null) return
    let timer: NodeJS.Timeout | undefined
    const deadline = new Promise<void>((resolve) => {
      timer = setTimeout(resolve, deadlineMs)
    })
    await Promise.race([running, deadline])
    clearTimeout(timer)
  }

  async close(): Promise<void> {
    this.#closed = true
    if (this.#retry !== null) clearTimeout(this.#retry)
    await this.#running
  }

  async #run(): Promise<void> {
    while (this.#again && !this.#closed) {
      this.#again = false
      try {
        for (;;) {
          const seqs = this.#source.pending(DOCUMENTS_AT_ONCE_MAX)
          if (seqs.length === 0 || this.#closed) break
          await Promise.all(seqs.map((seq) => this.#write(seq)))
          await this.#source.written(seqs)
        }
      } catch (error) {
        this.#source.failed(error)
        // The marks are still there: try again later, not at once.
        this.#again = false
        this.#retry = setTimeout(() => {
          this.#retry = null
          this.wake()
        }, DOCUMENT_RETRY_MS).unref()
        break
      }
    }
  }

  async #write(seq: number): Promise<void> {
    const record = this.#source.record(seq)
    if (record !== null) await this.#objects.put(documentName(record.id), `${writeRecord(record)}\n`)
  }
}
