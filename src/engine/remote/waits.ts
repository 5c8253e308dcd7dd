/**
 * Waiting for tasks through a server: each wait is one `task.wait`, asked again after a break of the connection, and piecewise when it is
 * longer than the server allows. Ten thousand waits are ten thousand small requests under way, without a timer each.
 *
 * Invariant: what a wait is answered was read by the server after the reason for the answer (final, deadline, abort, close).
 */

import type { ChasquiError } from '../../task/errors.ts'
import { isFinal } from '../../task/lifecycle.ts'
import { REMOTE_WAIT_MS, WAIT_REPLY_MS } from '../../task/limits.ts'
import type { TaskRecord } from '../../task/task.ts'
import type { Asker, Link } from '../../wire/link.ts'
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
      new OpenWait(ids, timeoutMs, signal, this.#options, this.#open, resolve, reject).ask()
    })
  }

  /** Answers everyone with the states reached; resolves when all have their answer. Call while requests are still answered. */
  async close(): Promise<void> {
    await Promise.all([...this.#open].map((wait) => wait.leave()))
  }
}

/** One wait; it is its own asker, so that it costs one object and one promise. */
class OpenWait implements Asker {
  readonly #options: WaitsOptions
  readonly #open: Set<OpenWait>
  readonly #ids: readonly string[]
  readonly #signal: AbortSignal | undefined
  readonly #deadlineMs: number
  readonly #resolve: (records: Records) => void
  readonly #reject: (error: unknown) => void
  #request = 0
  #isLast = false
  #left: Promise<void> | null = null

  constructor(
    ids: readonly string[],
    timeoutMs: number,
    signal: AbortSignal | undefined,
    options: WaitsOptions,
    open: Set<OpenWait>,
    resolve: (records: Records) => void,
    reject: (error: unknown) => void,
  ) {
    this.#ids = ids
    this.#signal = signal
    this.#options = options
    this.#open = open
    this.#resolve = resolve
    this.#reject = reject
    this.#deadlineMs = options.calls.clock.nowMs() + timeoutMs
    open.add(this)
    signal?.addEventListener('abort', this.#onAbort)
  }

  ask(): void {
    if (this.#signal?.aborted === true) {
      void this.leave()
      return
    }
    const { link, calls } = this.#options
    const leftMs = Math.max(0, Math.ceil(this.#deadlineMs - calls.clock.nowMs()))
    this.#isLast = leftMs <= REMOTE_WAIT_MS
    const askMs = this.#isLast ? leftMs : REMOTE_WAIT_MS
    const params = `{"ids":${JSON.stringify(this.#ids)},"timeoutMs":${askMs}}`
    try {
      this.#request = link.ask('task.wait', params, askMs + WAIT_REPLY_MS, this)
    } catch (error) {
      // Closed, or too much is under way.
      this.#end()
      this.#reject(error)
    }
  }

  replied(result: unknown): void {
    if (this.#left !== null) return
    const records = readRecords(result)
    // The server's clock tells the deadline: what it answered to the last piece is the answer.
    if (this.#isLast || records.every((record) => record === null || isFinal(record.state))) {
      this.#end()
      this.#resolve(records)
    } else this.ask()
  }

  failed(error: ChasquiError): void {
    if (this.#left !== null) return
    const { link, calls } = this.#options
    const pauseMs = error.code === 'TIMEOUT' ? 0 : calls.pauseMs(error)
    const isOver = pauseMs === null || calls.clock.nowMs() + pauseMs >= this.#deadlineMs
    if (isOver || link.state === 'closed') {
      this.#end()
      this.#reject(error)
    } else if (pauseMs === 0) {
      this.ask()
    } else {
      void calls.sleep(pauseMs).then(() => {
        if (this.#left === null) this.ask()
      })
    }
  }

  /** Answers with the states reached now. */
  leave(): Promise<void> {
    if (this.#left === null) {
      this.#end()
      this.#options.link.forget(this.#request)
      this.#left = this.#options.get(this.#ids).then(this.#resolve, this.#reject)
    }
    return this.#left
  }

  #end(): void {
    this.#open.delete(this)
    this.#signal?.removeEventListener('abort', this.#onAbort)
  }

  readonly #onAbort = (): void => {
    void this.leave()
  }
}
