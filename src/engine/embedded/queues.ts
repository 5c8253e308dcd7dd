/**
 * What people said about queues, and how much those hold whose bytes are limited: in the memory of an open store.
 *
 * Invariant: only queues with a limit of bytes are weighed, so that the others cost nothing.
 */

import type { QueueLoad } from '../../task/queue.ts'
import { QueueBook } from '../queue-book.ts'
import type { Counts } from './counts.ts'
import type { Live } from './entry.ts'
import type { Store } from './store.ts'

export class Queues extends QueueBook {
  readonly #store: Store
  /** Bytes of unfinished tasks, of the queues for which they are limited. */
  readonly #bytes = new Map<number, number>()

  constructor(store: Store) {
    super()
    this.#store = store
    this.load()
  }

  /** Reads what the file says. */
  load(): void {
    this.replace(this.#store.queues.read())
    this.weigh()
  }

  weigh(): void {
    this.#bytes.clear()
    for (const [queue, { bytesMax }] of this.entries()) {
      if (bytesMax === null) continue
      const queueNo = this.#store.names.numberOf(queue)
      this.#bytes.set(queueNo, this.#store.queues.weight(queueNo))
    }
  }

  loadOf(counts: Counts, queueNo: number): QueueLoad {
    const { scheduled, queued, running } = counts.of(queueNo)
    return { tasks: scheduled + queued + running, bytes: this.#bytes.get(queueNo) ?? 0 }
  }

  /** A task became unfinished, or final. */
  changed({ queueNo, seq }: Pick<Live, 'queueNo' | 'seq'>, by: 1 | -1): void {
    if (this.#bytes.size === 0) return
    const bytes = this.#bytes.get(queueNo)
    if (bytes !== undefined) this.#bytes.set(queueNo, bytes + by * this.#store.queues.weightOf(seq))
  }
}
