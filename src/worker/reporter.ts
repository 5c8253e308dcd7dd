/**
 * Progress and log lines on their way to the engine, in order, and before the settlement of their task (settler.ts calls `flush`
 * first). An engine that does not answer costs progress, which is a hint; lines are kept up to REPORT_LINES_PENDING_MAX.
 */

import type { Engine, Report } from '../engine/engine.ts'
import { ChasquiError } from '../task/errors.ts'
import { BATCH_ENTRIES_MAX, REPORT_LINES_PENDING_MAX } from '../task/limits.ts'
import type { Log } from '../telemetry/log.ts'
import type { ThreadReport } from './hand-over.ts'
import type { Held } from './held.ts'

type Lines = Extract<Report, { lines: unknown }>

interface Entry {
  readonly order: number
  readonly held: Held
  readonly report: Report
}

export interface ReporterOptions {
  readonly engine: Engine
  readonly log: Pick<Log, 'event'>
  readonly lost: (held: Held) => void
}

export class Reporter {
  readonly #options: ReporterOptions
  #queue: Entry[] = []
  #order = 0
  #flushPlanned = false

  constructor(options: ReporterOptions) {
    this.#options = options
  }

  add(held: Held, { progress, lines }: ThreadReport): void {
    const { id, epoch } = held.delivery
    // Lines first: they were written before or during the step that the progress tells of.
    if (lines !== undefined) this.#queue.push({ order: this.#order++, held, report: { id, epoch, lines } })
    if (progress !== undefined)
      this.#queue.push({ order: this.#order++, held, report: { id, epoch, progress } })
    if (this.#flushPlanned) return
    this.#flushPlanned = true
    setImmediate(() => {
      this.#flushPlanned = false
      this.flush()
    })
  }

  flush(): void {
    while (this.#queue.length > 0) void this.#send(this.#queue.splice(0, BATCH_ENTRIES_MAX))
  }

  async #send(batch: Entry[]): Promise<void> {
    try {
      const answers = await this.#options.engine.report(batch.map(({ report }) => report))
      batch.forEach(({ held }, at) => {
        if (answers[at]?.accepted === false && held.state !== 'ended') this.#options.lost(held)
      })
    } catch (error) {
      if (error instanceof ChasquiError && error.retryable) this.#keep(batch)
      else this.#options.log.event('worker.reports-lost', { reason: (error as Error).message })
    }
  }

  /** For the next flush: when new reports come, before the next settlement, or when the engine is back. */
  #keep(batch: Entry[]): void {
    const lines = batch.filter(({ report }) => 'lines' in report)
    this.#queue = [...lines, ...this.#queue].sort((a, b) => a.order - b.order)
    let surplus = -REPORT_LINES_PENDING_MAX
    for (const { report } of this.#queue) surplus += (report as Partial<Lines>).lines?.length ?? 0
    if (surplus <= 0) return
    let dropped = 0
    while (dropped < surplus) dropped += (this.#queue.shift()!.report as Partial<Lines>).lines?.length ?? 0
    this.#options.log.event('worker.lines-dropped', { count: dropped })
  }
}
