/**
 * Who waits for which tasks to become final: the `wait` of the memory and embedded engines. Made for 100,000 waiters on single ids:
 * a waiter is one map entry and one place in a shared deadline queue, and all reads of a turn are one read.
 *
 * A waiter is registered before the truth is read for it, so no settle slips through between the two. Invariant: what a
 * waiter is answered was read from the store after the reason for the answer (final, deadline, abort, close).
 */

import type { Clock, Timer } from '../task/clock.ts'
import { ChasquiError } from '../task/errors.ts'
import { isFinal } from '../task/lifecycle.ts'
import { WAIT_MS_MAX } from '../task/limits.ts'
import type { TaskRecord } from '../task/task.ts'
import { type Deadline, DeadlineQueue } from './deadline-queue.ts'

type Records = readonly (TaskRecord | null)[]

export interface WaitsOptions {
  readonly clock: Clock
  /** Reads the truth; answers in the order asked, null for unknown. */
  readonly read: (ids: readonly string[]) => Promise<Records>
  /** Set where hints can be lost: the truth is looked at again this often for everyone who waits. */
  readonly recheckMs?: number
}

interface Waiter extends Deadline {
  readonly ids: readonly string[]
  readonly resolve: (records: Records) => void
  readonly reject: (error: unknown) => void
  /** Takes the abort listener away. */
  readonly detach: (() => void) | null
  /** How many entries of the index point here. */
  open: number
  /** Answer with whatever is read next. */
  leaving: boolean
  /** In the list of those to be read for. */
  reading: boolean
  /** Something was settled since the last read began: what that read says may be old. */
  touched: boolean
  done: boolean
}

/** Ids of one read: bounds the time that a read holds the loop. */
const READ_IDS_MAX = 1_024

export class Waits {
  readonly #clock: Clock
  readonly #read: WaitsOptions['read']
  readonly #recheckMs: number | undefined
  readonly #byId = new Map<string, Waiter | Set<Waiter>>()
  /** Everyone who waits. */
  readonly #deadlines: DeadlineQueue<Waiter>
  #toRead: Waiter[] = []
  #turn: Promise<void> | null = null
  #recheck: Timer | null = null
  #closed = false

  constructor(options: WaitsOptions) {
    this.#clock = options.clock
    this.#read = options.read
    this.#recheckMs = options.recheckMs
    this.#deadlines = new DeadlineQueue(options.clock, (due) => {
      for (const waiter of due) this.#leave(waiter)
    })
  }

  /** Waits that are not answered yet. */
  get size(): number {
    return this.#deadlines.size
  }

  /** See Engine.wait. */
  wait(ids: readonly string[], timeoutMs: number, signal?: AbortSignal): Promise<Records> {
    if (this.#closed) return Promise.reject(new ChasquiError('CLOSED', 'the engine is closed'))
    return new Promise((resolve, reject) => {
      const onAbort = () => this.#leave(waiter)
      const waiter: Waiter = {
        ids,
        resolve,
        reject,
        detach: signal === undefined ? null : () => signal.removeEventListener('abort', onAbort),
        open: 0,
        leaving: timeoutMs <= 0 || signal?.aborted === true,
        reading: false,
        touched: false,
        done: false,
        atMs: 0,
        heapIndex: -1,
      }
      this.#deadlines.set(waiter, this.#clock.nowMs() + Math.max(0, Math.min(timeoutMs, WAIT_MS_MAX)))
      if (!waiter.leaving) {
        for (const id of ids) this.#register(id, waiter)
        signal?.addEventListener('abort', onAbort)
        this.#armRecheck()
      }
      this.#enqueue(waiter)
    })
  }

  /** Call after the commit that made a task final, or purged it. A map look-up when nobody waits for it. */
  settled(id: string): void {
    const entry = this.#byId.size === 0 ? undefined : this.#byId.get(id)
    if (entry === undefined) return
    this.#byId.delete(id)
    if (!(entry instanceof Set)) this.#lessOpen(entry)
    else for (const waiter of entry) this.#lessOpen(waiter)
  }

  /** Answers everyone with the states reached; resolves when all have their answer. Call while `read` still works. */
  async close(): Promise<void> {
    this.#closed = true
    this.#recheck?.cancel()
    for (const waiter of this.#deadlines.entries()) this.#leave(waiter)
    while (this.#turn !== null) await this.#turn
    this.#deadlines.clear()
  }

  #lessOpen(waiter: Waiter): void {
    waiter.touched = true
    if (--waiter.open === 0) this.#enqueue(waiter)
  }

  #leave(waiter: Waiter): void {
    if (waiter.done || waiter.leaving) return
    waiter.leaving = true
    this.#enqueue(waiter)
  }

  #enqueue(waiter: Waiter): void {
    if (waiter.reading) return
    waiter.reading = true
    this.#toRead.push(waiter)
    this.#turn ??= this.#readInTurns()
  }

  async #readInTurns(): Promise<void> {
    // Never rejects: a failed read is the answer of those it was for.
    while (this.#toRead.length > 0) {
      await new Promise<void>((resolve) => setImmediate(resolve))
      const batch = this.#takeBatch()
      const ids = batch.length === 1 ? batch[0]!.ids : batch.flatMap((waiter) => waiter.ids)
      // What happens from here on asks for another read.
      for (const waiter of batch) {
        waiter.reading = false
        waiter.touched = false
      }
      const leaving = batch.map((waiter) => waiter.leaving)
      try {
        const records = await this.#read(ids)
        let at = 0
        for (const [index, waiter] of batch.entries()) {
          const own = batch.length === 1 ? records : records.slice(at, at + waiter.ids.length)
          at += waiter.ids.length
          this.#judge(waiter, own, leaving[index]!)
        }
      } catch (error) {
        for (const waiter of batch) if (this.#forget(waiter)) waiter.reject(error)
      }
    }
    this.#turn = null
  }

  #takeBatch(): Waiter[] {
    let count = 0
    let ids = 0
    while (count < this.#toRead.length && ids < READ_IDS_MAX) ids += this.#toRead[count++]!.ids.length
    const batch = this.#toRead.slice(0, count)
    this.#toRead = this.#toRead.slice(count)
    return batch
  }

  #judge(waiter: Waiter, records: Records, leaving: boolean): void {
    if (leaving || records.every((record) => record === null || isFinal(record.state))) {
      if (this.#forget(waiter)) waiter.resolve(records)
      return
    }
    if (waiter.done) return
    for (const [index, record] of records.entries()) {
      // Not final: wait for it (again: it may have been final and retried by hand). Final: it needs no place in the index.
      if (record === null || isFinal(record.state)) this.#unregister(waiter.ids[index]!, waiter)
      else this.#register(waiter.ids[index]!, waiter)
    }
    if (waiter.touched) this.#enqueue(waiter)
  }

  /** @returns false when it was answered before */
  #forget(waiter: Waiter): boolean {
    if (waiter.done) return false
    waiter.done = true
    waiter.detach?.()
    this.#deadlines.delete(waiter)
    if (waiter.open > 0) for (const id of waiter.ids) this.#unregister(id, waiter)
    return true
  }

  #register(id: string, waiter: Waiter): void {
    const entry = this.#byId.get(id)
    if (entry === waiter || (entry instanceof Set && entry.has(waiter))) return
    waiter.open++
    if (entry === undefined) this.#byId.set(id, waiter)
    else if (entry instanceof Set) entry.add(waiter)
    else this.#byId.set(id, new Set([entry, waiter]))
  }

  #unregister(id: string, waiter: Waiter): void {
    const entry = this.#byId.get(id)
    if (entry === waiter) this.#byId.delete(id)
    else if (!(entry instanceof Set && entry.delete(waiter))) return
    else if (entry.size === 0) this.#byId.delete(id)
    waiter.open--
  }

  #armRecheck(): void {
    if (this.#recheckMs === undefined || this.#recheck !== null) return
    this.#recheck = this.#clock.at(this.#clock.nowMs() + this.#recheckMs, () => {
      this.#recheck = null
      for (const waiter of this.#deadlines.entries()) this.#enqueue(waiter)
      if (this.size > 0) this.#armRecheck()
    })
  }
}
