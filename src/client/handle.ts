/** One task from the outside: its result, what it is doing, and how to stop it. Any number of handles may point at one task. */

import type { Change, Engine, TaskEvent } from '../engine/engine.ts'
import { ChasquiError } from '../task/errors.ts'
import { isFinal } from '../task/lifecycle.ts'
import { WAIT_MS_MAX } from '../task/limits.ts'
import type { Receipt, TaskRecord } from '../task/task.ts'
import type { EventStream } from './event-stream.ts'
import type { Reading, ReadTask } from './reading.ts'
import { snapshotOf, type TaskSnapshot } from './snapshot.ts'

export interface WaitOptions {
  /** Default: an hour. */
  readonly timeoutMs?: number
  /** Aborting ends the wait, not the task. */
  readonly signal?: AbortSignal
}

export interface TaskHandle<Output = unknown> {
  readonly id: string
  /** What the submission was answered; null for a handle made from an id. */
  readonly receipt: Receipt | null
  /**
   * The value that the handler returned, as JSON. Asking more than once, and at the same time, is fine.
   * @throws ChasquiError TASK_FAILED (`details.error`: `{name, message, stack?}`), TASK_CANCELED, TASK_EXPIRED,
   * TASK_UNKNOWN (never existed, or is kept no longer), TIMEOUT (still not final; `details.state`), CONNECTION_LOST or CLOSED;
   * the reason of `signal` when that was aborted
   */
  result(options?: WaitOptions): Promise<Output>
  /** What is known of it now; null when it is not known (any more). */
  status(): Promise<TaskSnapshot<Output> | null>
  /** Cancels it in any state that is not final. Tells the state really reached; null when it is not known. */
  cancel(): Promise<Change | null>
  /**
   * Its state now, then every change, progress and log line until it is final. Events are hints: some may be missing or come
   * twice, the final state is always told. @throws ChasquiError TASK_UNKNOWN
   */
  events(): AsyncIterableIterator<TaskEvent>
}

/** What a handle needs of its client. */
export interface HandleHost {
  readonly engine: Engine
  readonly reading: Reading
  mustBeOpen(): void
  watchTask(id: string): EventStream
}

export class ClientTaskHandle<Output> implements TaskHandle<Output> {
  readonly id: string
  readonly receipt: Receipt | null
  readonly #host: HandleHost

  constructor(host: HandleHost, id: string, receipt: Receipt | null) {
    this.#host = host
    this.id = id
    this.receipt = receipt
  }

  // Not async: whoever awaits thousands of results pays for each promise.
  result({ timeoutMs = WAIT_MS_MAX, signal }: WaitOptions = {}): Promise<Output> {
    try {
      this.#host.mustBeOpen()
    } catch (error) {
      return Promise.reject(error)
    }
    return waitForOne(this.#host.reading, this.id, timeoutMs, signal).then((record) =>
      outcomeOf<Output>(this.id, record, timeoutMs, signal),
    )
  }

  async status(): Promise<TaskSnapshot<Output> | null> {
    this.#host.mustBeOpen()
    const [record] = await this.#host.reading.get([this.id])
    return record == null ? null : snapshotOf<Output>(record)
  }

  async cancel(): Promise<Change | null> {
    this.#host.mustBeOpen()
    const [change] = await this.#host.engine.cancel([this.id])
    return change ?? null
  }

  async *events(): AsyncGenerator<TaskEvent, undefined> {
    this.#host.mustBeOpen()
    const { reading } = this.#host
    const leaving = new AbortController()
    const stream = this.#host.watchTask(this.id)
    try {
      await stream.started
      const [now] = await reading.get([this.id])
      if (now == null) throw unknown(this.id)
      yield eventOf(now)
      if (isFinal(now.state)) return
      // Events are hints. The end must not be missed.
      waitForOne(reading, this.id, Number.POSITIVE_INFINITY, leaving.signal).then(
        (record) => {
          if (record !== null && isFinal(record.state)) stream.push([eventOf(record)])
          else void stream.close()
        },
        () => stream.close(),
      )
      for await (const event of stream) {
        yield event
        if (isFinal(event.state)) return
      }
    } finally {
      leaving.abort()
      await stream.close()
    }
  }
}

/** The record at the end of the wait: final, or whatever it is at the deadline or when `signal` aborts. */
function waitForOne(
  reading: Reading,
  id: string,
  timeoutMs: number,
  signal: AbortSignal | undefined,
): Promise<ReadTask | null> {
  const waiting = reading.wait([id], Math.min(timeoutMs, WAIT_MS_MAX), signal)
  return waiting.then(([record = null]) => {
    const isOver = record === null || isFinal(record.state) || signal?.aborted === true
    if (isOver || timeoutMs <= WAIT_MS_MAX) return record
    return waitForOne(reading, id, timeoutMs - WAIT_MS_MAX, signal)
  })
}

function outcomeOf<Output>(
  id: string,
  record: ReadTask | null,
  timeoutMs: number,
  signal: AbortSignal | undefined,
): Output {
  if (record === null) throw unknown(id)
  const { state, attempt, error, unreadable } = record
  switch (state) {
    case 'succeeded':
      if (unreadable !== undefined) {
        throw new ChasquiError(unreadable.code, unreadable.message, { details: { id } })
      }
      return JSON.parse(record.resultText ?? 'null') as Output
    case 'failed': {
      const what = error === undefined ? '' : `: ${error.name}: ${error.message}`
      const message = `task ${id} failed${what}`
      throw new ChasquiError('TASK_FAILED', message, { details: { id, attempt, error } })
    }
    case 'canceled':
      throw new ChasquiError('TASK_CANCELED', `task ${id} was cancelled`, { details: { id } })
    case 'expired':
      throw new ChasquiError('TASK_EXPIRED', `task ${id} was not started before its deadline`, {
        details: { id },
      })
    default:
      signal?.throwIfAborted()
      throw new ChasquiError('TIMEOUT', `task ${id} was not final after ${timeoutMs} ms: it is ${state}`, {
        details: { id, state },
      })
  }
}

function unknown(id: string): ChasquiError {
  return new ChasquiError('TASK_UNKNOWN', `no task ${id} is known`, { details: { id } })
}

function eventOf(record: TaskRecord): TaskEvent {
  const { id, type, queue, state, attempt, progress } = record
  const atMs = record.finishedAtMs ?? record.startedAtMs ?? record.createdAtMs
  return { atMs, id, type, queue, state, attempt, ...(progress !== undefined && { progress }) }
}
