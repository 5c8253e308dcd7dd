/**
 * Each final task as a document `task_<id>.json` in an object store, for those who read results without asking Chasqui. An engine that
 * keeps its tasks in tables hands in where the marks of unwritten documents are, and wakes this when there are new ones.
 *
 * The rows are the truth: a mark says which document is not written yet, and goes away after the write. So a crash at any moment leaves
 * at worst a document that is written twice, with the same content.
 */

import type { ObjectStore } from '../objects/object-store.ts'
import { documentName } from '../task/ids.ts'
import { DOCUMENT_RETRY_MAX_MS, DOCUMENT_RETRY_MS, DOCUMENTS_AT_ONCE_MAX } from '../task/limits.ts'
import type { TaskRecord } from '../task/task.ts'
import { writeRecord } from '../wire/record-codec.ts'

/** @typeParam Mark what names a task in the tables of the engine: a sequence number */
export interface DocumentSource<Mark> {
  /** Marks of tasks whose documents are not written, oldest first. */
  pending(limit: number): readonly Mark[] | Promise<readonly Mark[]>
  /** null: purged meanwhile. */
  record(mark: Mark): TaskRecord | null | Promise<TaskRecord | null>
  /**
   * Takes the marks away, in one transaction, of tasks whose record is still what was written. A task that was retried by hand and ended
   * anew while its document was being written keeps its mark, or gets it again: the document tells of the former end.
   */
  written(documents: readonly WrittenDocument<Mark>[]): Promise<void>
  failed(error: unknown): void
}

export interface WrittenDocument<Mark> {
  readonly mark: Mark
  /** null: there was none to be written. */
  readonly record: TaskRecord | null
}

export class Documents<Mark> {
  readonly #objects: ObjectStore
  readonly #source: DocumentSource<Mark>
  readonly #closing = Promise.withResolvers<void>()
  #running: Promise<void> | null = null
  #again = false
  #retry: NodeJS.Timeout | null = null
  #retryMs = DOCUMENT_RETRY_MS
  #closed = false

  constructor(objects: ObjectStore, source: DocumentSource<Mark>) {
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

  /** The source is not asked any more once this resolves. What is on its way to the store is not waited for: its mark is still there. */
  async close(): Promise<void> {
    this.#closed = true
    this.#closing.resolve()
    if (this.#retry !== null) clearTimeout(this.#retry)
    await this.#running
  }

  async #run(): Promise<void> {
    while (this.#again && !this.#closed) {
      this.#again = false
      try {
        await this.#writeAll()
      } catch (error) {
        this.#source.failed(error)
        // The marks are still there: try again later, not at once, and more seldom the longer it lasts.
        this.#again = false
        if (!this.#closed) this.#wakeLater()
        return
      }
    }
  }

  #wakeLater(): void {
    this.#retry = setTimeout(() => {
      this.#retry = null
      this.wake()
    }, this.#retryMs).unref()
    this.#retryMs = Math.min(2 * this.#retryMs, DOCUMENT_RETRY_MAX_MS)
  }

  async #writeAll(): Promise<void> {
    for (;;) {
      const marks = await this.#source.pending(DOCUMENTS_AT_ONCE_MAX)
      if (marks.length === 0 || this.#closed) return
      const writes = Promise.allSettled(marks.map((mark) => this.#write(mark)))
      const results = await Promise.race([writes, this.#closing.promise])
      if (results === undefined) return
      // One document that cannot be written does not keep the others from being done with.
      const written = results.flatMap((result) => (result.status === 'fulfilled' ? [result.value] : []))
      if (written.length > 0) {
        await this.#source.written(written)
        this.#retryMs = DOCUMENT_RETRY_MS
      }
      const failure = results.find((result) => result.status === 'rejected')
      if (failure !== undefined) throw failure.reason
    }
  }

  async #write(mark: Mark): Promise<WrittenDocument<Mark>> {
    const record = await this.#source.record(mark)
    if (record !== null) await this.#objects.put(documentName(record.id), `${writeRecord(record)}\n`)
    return { mark, record }
  }
}
