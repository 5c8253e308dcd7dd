/**
 * Waiting for tasks through a server: each wait is one `task.wait`, asked again after a break of the connection, and piecewise when it is
 * longer than the server allows. Ten thousand waits are ten thousand small requests under way, without a timer each.
 *
 * Invariant: what a wait is answered was read by the server after the reason for the answer (final, deadline, abort, close).
 */

import { ChasquiError } from '../../task/errors.ts'
import { isFinal } from '../../task/lifecycle.ts'
import { REMOTE_WAIT_MS, WAIT_REPLY_MS } from '../../task/limits.ts'
import type { TaskRecord } from '../../task/task.ts'
import type { Link } from '../../wire/link.ts'
import { readRecords } from '../../wire/record-codec.ts'
import type { Calls } from './calls.ts'

type Records = readonly (TaskRecord | null)[]

export interface WaitsOptions {
  readonly link: Link
  readonly calls: Calls
  readonly get: (ids: readonly string[]) => Promise<Records>
}

export class Waits {
  readonly #options: WaitsOptions
  readonly #open = new Set<OpenWait>()

  constructor(options: WaitsOptions) {
    this.#options = options
  }

  /** See Engine.wait. */
  wait(ids: readonly string[], timeoutMs: number, signal?: AbortSignal): Promise<Records> {
    return new Promise((resolve, reject) => {
      const wait: OpenWait = new OpenWait(
        ids,
        timeoutMs,
        signal,
        this.#options,
        (records) => {
          this.#open.delete(wait)
          resolve(records)
        },
        (error) => {
          this.#open.delete(wait)
          reject(error)
        },
      )
      this.#open.add(wait)
      wait.ask()
    })
  }

  /** Answers everyone with the states reached; resolves when all have their answer. Call while requests are still answered. */
  async close(): Promise<void> {
    await Promise.all([...this.#open].map((wait) => wait.leave()))
  }
}

class OpenWait {
  readonly #options: WaitsOptions
  readonly #paramsHead: string
  readonly #ids: readonly string[]
  readonly #signal: AbortSignal | undefined
  readonly #deadlineMs: number
  #resolve: (records: Records) => void
  #reject: (error: unknown) => void
  #left: Promise<void> | null = null

  constructor(
    ids: readonly string[],
    timeoutMs: number,
    signal: AbortSignal | undefined,
    options: WaitsOptions,
    resolve: (records: Records) => void,
    reject: (error: unknown) => void,
  ) {
    this.#ids = ids
    this.#signal = signal
    this.#options = options
    this.#resolve = resolve
    this.#reject = reject
    this.#deadlineMs = options.calls.clock.nowMs() + timeoutMs
    this.#paramsHead = `{"ids":${JSON.stringify(ids)},"timeoutMs":`
  }

  ask(): void {
    const { link, calls } = this.#options
    const leftMs = Math.max(0, Math.ceil(this.#deadlineMs - calls.clock.nowMs()))
    const isLast = leftMs <= REMOTE_WAIT_MS
    const askMs = isLast ? leftMs : REMOTE_WAIT_MS
    const timeoutMs = askMs + WAIT_REPLY_MS
    link
      .request(
        'task.wait',
        `${this.#paramsHead}${askMs}}`,
        this.#signal === undefined ? { timeoutMs } : { timeoutMs, signal: this.#signal },
      )
      .then(
        (result) => this.#answered(readRecords(result), isLast),
        (error) => this.#failed(error),
      )
  }

  /** Answers with the states reached now. */
  leave(): Promise<void> {
    this.#left ??= this.#options.get(this.#ids).then(this.#resolve, this.#reject)
    return this.#left
  }

  #answered(records: Records, isLast: boolean): void {
    if (this.#left !== null) return
    // The server's clock tells the deadline: what it answered to the last piece is the answer.
    if (isLast || records.every((record) => record === null || isFinal(record.state))) this.#resolve(records)
    else this.ask()
  }

  #failed(error: unknown): void {
    if (this.#left !== null) return
    if (this.#signal?.aborted === true) {
      void this.leave()
      return
    }
    const { link, calls } = this.#options
    const isOverdue = error instanceof ChasquiError && error.code === 'TIMEOUT'
    const pauseMs = isOverdue ? 0 : calls.pauseMs(error)
    const isOver = pauseMs === null || calls.clock.nowMs() + pauseMs >= this.#deadlineMs
    if (isOver || link.state === 'closed') this.#reject(error)
    else if (pauseMs === 0) this.ask()
    else void calls.sleep(pauseMs).then(() => this.#left ?? this.ask())
  }
}
