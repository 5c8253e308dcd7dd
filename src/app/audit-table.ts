/**
 * Entries on their way to the table of the cluster: they wait here, go in batches, and are tried again until the database takes them.
 *
 * Invariants: entries stand in the table in the order in which they were recorded; memory is bounded, what does not fit is counted, said in the log, and said in
 * the next line; nobody who is answered waits for it.
 */

import type { AuditLine, AuditStore } from '../engine/audit.ts'
import type { Clock, Timer } from '../task/clock.ts'
import {
  AUDIT_BATCH,
  AUDIT_BYTES_WAITING_MAX,
  AUDIT_CLOSE_MS,
  AUDIT_PURGE_MS,
  AUDIT_RETRY_MS,
} from '../task/limits.ts'
import type { Log } from '../telemetry/log.ts'
import type { AuditSink } from './audit-sink.ts'

export interface AuditTableOptions {
  readonly store: AuditStore
  readonly clock: Clock
  readonly log: Log
  readonly retentionMs: number
}

export function openAuditTable(options: AuditTableOptions): AuditSink {
  return new AuditTable(options)
}

class AuditTable implements AuditSink {
  readonly #options: AuditTableOptions
  #waiting: { readonly line: AuditLine; readonly length: number }[] = []
  #length = 0
  #lost = 0
  #writing: Promise<void> | null = null
  #failing = false
  #closing = false
  #purgeTimer: Timer | null = null
  #wakeRetry: (() => void) | null = null

  constructor(options: AuditTableOptions) {
    this.#options = options
    this.#purge()
  }

  write(line: AuditLine, text: string): void {
    if (this.#length + text.length > AUDIT_BYTES_WAITING_MAX) {
      if (this.#lost++ === 0)
        this.#options.log.event('audit.lost', { reason: 'the table does not take them' })
      return
    }
    this.#waiting.push({
      line: this.#lost === 0 ? line : { ...line, lostBefore: this.#lost },
      length: text.length,
    })
    this.#lost = 0
    this.#length += text.length
    this.#writing ??= this.#writeAll().finally(() => {
      this.#writing = null
    })
  }

  async #writeAll(): Promise<void> {
    while (this.#waiting.length > 0) {
      const batch = this.#waiting.slice(0, AUDIT_BATCH)
      const lines = batch.map(({ line }) => line)
      while (!(await this.#append(lines))) {
        if (this.#closing) return
        await this.#pause()
      }
      this.#waiting = this.#waiting.slice(batch.length)
      for (const { length } of batch) this.#length -= length
    }
  }

  async #append(lines: readonly AuditLine[]): Promise<boolean> {
    try {
      await this.#options.store.append(lines)
      this.#failing = false
      return true
    } catch (error) {
      if (!this.#failing) this.#options.log.event('audit.waits', { reason: (error as Error).message })
      this.#failing = true
      return false
    }
  }

  #pause(): Promise<void> {
    const { clock } = this.#options
    return new Promise((resolve) => {
      this.#wakeRetry = resolve
      clock.at(clock.nowMs() + AUDIT_RETRY_MS, resolve)
    })
  }

  /** Every distributor does: what another has forgotten meanwhile costs one look at an index. */
  #purge(): void {
    const { clock, log, retentionMs, store } = this.#options
    // Not at once: a start has other things to do.
    this.#purgeTimer = clock.at(clock.nowMs() + AUDIT_PURGE_MS, () => {
      store
        .purge(clock.nowMs() - retentionMs)
        .catch((error: unknown) => {
          if (!this.#closing) log.event('audit.waits', { reason: (error as Error).message })
        })
        .finally(() => {
          if (!this.#closing) this.#purge()
        })
    })
  }

  reopen(): void {}

  async close(): Promise<void> {
    const { clock, log, store } = this.#options
    this.#closing = true
    this.#purgeTimer?.cancel()
    this.#wakeRetry?.()
    const late = Promise.withResolvers<void>()
    const timer = clock.at(clock.nowMs() + AUDIT_CLOSE_MS, late.resolve)
    await Promise.race([this.#writing, late.promise])
    timer.cancel()
    const left = this.#waiting.length
    if (left > 0) log.event('audit.lost', { reason: `the table did not take the last ${left} in time` })
    await store.close()
  }
}
