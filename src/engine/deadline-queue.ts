/**
 * Many deadlines, one timer: a binary heap of entries that can also be taken out early in O(log n), so that 100,000 waits,
 * leases or expiries cost one entry each and no timer of their own.
 *
 * Invariant: whenever the heap is not empty, a timer of the clock is armed for its head or earlier.
 */

import type { Clock, Timer } from '../task/clock.ts'

/** What an entry carries for the queue; the owner leaves these two fields alone while it is queued. */
export interface Deadline {
  atMs: number
  /** Where it is in the heap; -1 when it is not queued. */
  heapIndex: number
}

export class DeadlineQueue<T extends Deadline> {
  readonly #clock: Clock
  readonly #due: (entries: T[]) => void
  readonly #heap: T[] = []
  #timer: Timer | null = null
  #armedAtMs = Number.POSITIVE_INFINITY

  /** @param due is handed all entries that are due, earliest first; they are not queued any more. */
  constructor(clock: Clock, due: (entries: T[]) => void) {
    this.#clock = clock
    this.#due = due
  }

  get size(): number {
    return this.#heap.length
  }

  /** What is queued, in no order. */
  entries(): readonly T[] {
    return [...this.#heap]
  }

  /** Queues an entry, or moves a queued one to another time. */
  set(entry: T, atMs: number): void {
    this.delete(entry)
    entry.atMs = atMs
    entry.heapIndex = this.#heap.length
    this.#heap.push(entry)
    this.#up(entry.heapIndex)
    this.#arm()
  }

  /** Takes an entry out; nothing happens when it is not queued. */
  delete(entry: T): void {
    const index = entry.heapIndex
    if (index < 0) return
    entry.heapIndex = -1
    const last = this.#heap.pop()!
    if (last === entry) return
    this.#heap[index] = last
    last.heapIndex = index
    this.#up(index)
    this.#down(last.heapIndex)
    // The timer stays as it is: a timer that fires with nothing due only arms the next one.
  }

  /** Forgets everything and stops the timer. */
  clear(): void {
    for (const entry of this.#heap) entry.heapIndex = -1
    this.#heap.length = 0
    this.#timer?.cancel()
    this.#timer = null
    this.#armedAtMs = Number.POSITIVE_INFINITY
  }

  #arm(): void {
    const head = this.#heap[0]
    if (head === undefined || head.atMs >= this.#armedAtMs) return
    this.#timer?.cancel()
    this.#armedAtMs = head.atMs
    this.#timer = this.#clock.at(head.atMs, () => this.#fire())
  }

  #fire(): void {
    this.#timer = null
    this.#armedAtMs = Number.POSITIVE_INFINITY
    const nowMs = this.#clock.nowMs()
    const due: T[] = []
    for (let head = this.#heap[0]; head !== undefined && head.atMs <= nowMs; head = this.#heap[0]) {
      this.delete(head)
      due.push(head)
    }
    this.#arm()
    if (due.length > 0) this.#due(due)
  }

  #up(from: number): void {
    const heap = this.#heap
    let index = from
    while (index > 0) {
      const parent = (index - 1) >> 1
      if (heap[parent]!.atMs <= heap[index]!.atMs) return
      this.#swap(parent, index)
      index = parent
    }
  }

  #down(from: number): void {
    const heap = this.#heap
    let index = from
    for (;;) {
      let least = 2 * index + 1
      if (least >= heap.length) return
      if (least + 1 < heap.length && heap[least + 1]!.atMs < heap[least]!.atMs) least++
      if (heap[index]!.atMs <= heap[least]!.atMs) return
      this.#swap(index, least)
      index = least
    }
  }

  #swap(a: number, b: number): void {
    const heap = this.#heap
    const entry = heap[a]!
    heap[a] = heap[b]!
    heap[b] = entry
    heap[a].heapIndex = a
    entry.heapIndex = b
  }
}
