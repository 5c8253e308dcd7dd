/**
 * The tasks of a memory engine and their lives: what the tables of a database would hold, and every move between states.
 * Who works on them, and under which lease, is the business of memory-engine.ts.
 *
 * Invariant: a row changes its state only in `#move`, along the table of task/lifecycle.ts. Events of what was done are
 * told by `publish`, which whoever called anything here calls last.
 */

import type { Clock } from '../../task/clock.ts'
import { isAllowed, isFinal, type TaskState, type TransitionVerb } from '../../task/lifecycle.ts'
import { DEDUPE_WINDOW_MS_DEFAULT, RETRY_AFTER_MS } from '../../task/limits.ts'
import type { Outcome } from '../../task/outcome.ts'
import { refusalBy, withDefaults } from '../../task/queue.ts'
import type { Receipt, Refusal, Submission, TaskRecord } from '../../task/task.ts'
import { decide } from '../../task/verdict.ts'
import { budgetOf } from '../budget.ts'
import { isSameContent } from '../content.ts'
import { DeadlineQueue } from '../deadline-queue.ts'
import type { Change, QueueReport, TaskEvent } from '../engine.ts'
import { EventHub } from '../event-hub.ts'
import { QueueBook, type Retention } from '../queue-book.ts'
import { Waits } from '../waits.ts'
import { ReadyRows } from './ready-rows.ts'
import { QueueTotals, queueReports } from './reports.ts'
import { createRow, isOverdue, type Lease, nextDeadlineMs, type Row, recordOf } from './row.ts'

export interface LedgerOptions {
  readonly clock: Clock
  readonly random: () => number
  readonly retention: Retention
  readonly tasksMax: number
  /** A task became ready to be delivered. */
  readonly onReady: () => void
}

export class Ledger {
  readonly hub = new EventHub()
  readonly waits: Waits
  readonly queues = new QueueBook()
  readonly #options: LedgerOptions
  readonly #clock: Clock
  /** In order of acceptance. */
  readonly #rows = new Map<string, Row>()
  readonly #ready = new ReadyRows()
  /** Due, expiry and purge times. */
  readonly #deadlines: DeadlineQueue<Row>
  /** Who holds a dedupe key, by queue and key. */
  readonly #holders = new Map<string, Row>()
  readonly #totals = new QueueTotals()
  #events: TaskEvent[] = []
  #lastSeq = 0

  constructor(options: LedgerOptions) {
    this.#options = options
    this.#clock = options.clock
    this.#deadlines = new DeadlineQueue(this.#clock, (rows) => this.#pass(rows))
    this.waits = new Waits({ clock: this.#clock, read: async (ids) => this.read(ids, false) })
  }

  get size(): number {
    return this.#rows.size
  }

  find(id: string): Row | undefined {
    return this.#rows.get(id)
  }

  /** In order of acceptance. */
  rows(): Row[] {
    return [...this.#rows.values()]
  }

  read(ids: readonly string[], withData: boolean): (TaskRecord | null)[] {
    return ids.map((id) => {
      const row = this.#rows.get(id)
      return row === undefined ? null : recordOf(row, withData)
    })
  }

  queueReports(): QueueReport[] {
    return this.queues.complete(queueReports(this.#rows.values(), this.#totals))
  }

  // ---- moves ------------------------------------------------------------------------------------------------

  accept(given: Submission): Receipt | Refusal {
    const settings = this.queues.of(given.queue)
    const submission = withDefaults(given, settings, this.#clock.nowMs())
    const { id, options } = submission
    const known = this.#rows.get(id)
    if (known !== undefined) {
      return isSameContent(known.submission, given)
        ? receiptOf(known, true)
        : { id, refused: { code: 'ID_CONFLICT', message: `task ${id} exists with other content` } }
    }
    const key = options?.dedupeKey === undefined ? null : `${submission.queue}\0${options.dedupeKey}`
    const holder = key === null ? null : this.#holderOf(key)
    if (holder !== null) return receiptOf(holder, true)
    const refusal = refusalBy(settings, submission, () => this.#totals.load(submission.queue))
    if (refusal !== null) return refusal
    if (this.#rows.size >= this.#options.tasksMax) {
      const message = `this engine holds its limit of ${this.#options.tasksMax} tasks`
      return { id, refused: { code: 'RETRY_AFTER', message, retryAfterMs: RETRY_AFTER_MS } }
    }

    const row = createRow(submission, ++this.#lastSeq, this.#clock.nowMs())
    this.#rows.set(id, row)
    if (key !== null) this.#holders.set(key, row)
    this.#totals.count(submission.queue, 'submitted', 1)
    this.#totals.weigh(submission, 1)
    this.#entered(row)
    return receiptOf(row, false)
  }

  #holderOf(key: string): Row | null {
    const holder = this.#holders.get(key)
    if (holder === undefined) return null
    const { id, options } = holder.submission
    const untilMs = holder.createdAtMs + (options?.dedupeWindowMs ?? DEDUPE_WINDOW_MS_DEFAULT)
    if (this.#rows.get(id) === holder && this.#clock.nowMs() < untilMs) return holder
    this.#holders.delete(key)
    return null
  }

  /** The first queued task of these queues (but paused ones) and types that is still in time; null: none. `sociable`: that may run beside others. */
  firstReady(queues: readonly string[], types: readonly string[] | null, sociable: boolean): Row | null {
    const open = queues.filter((queue) => !this.queues.isPaused(queue))
    for (;;) {
      const row = this.#ready.first(open, types, sociable)
      if (row === null || !isOverdue(row, this.#clock.nowMs())) return row
      this.#move(row, 'expire', 'expired')
    }
  }

  deliver(row: Row, lease: Lease): void {
    row.lease = lease
    row.run = {
      attempt: row.failures + 1,
      startedAtMs: this.#clock.nowMs(),
      worker: lease.seat.request.worker,
    }
    this.#move(row, 'deliver', 'running')
  }

  /** Ends the attempt that runs: decides what follows from its outcome, and does it. */
  judge(row: Row, outcome: Outcome): void {
    row.lease = null
    const { failures, crashes, submission } = row
    const budget = budgetOf({ failures, crashes, options: submission.options })
    const verdict = decide(budget, outcome, this.#options.random)
    switch (verdict.kind) {
      case 'complete':
        row.resultText = verdict.valueText
        row.error = undefined
        row.finalEpoch = outcome.epoch
        this.#move(row, 'complete', 'succeeded')
        break
      case 'fail':
        row.error = verdict.error
        row.finalEpoch = outcome.epoch
        if (outcome.kind === 'crashed') row.crashes++
        this.#move(row, 'fail', 'failed')
        break
      case 'retry':
        row.failures = verdict.failures
        row.error = verdict.error
        row.runAtMs = this.#clock.nowMs() + verdict.delayMs
        row.run = { attempt: row.failures }
        this.#move(row, 'retry', verdict.delayMs > 0 ? 'scheduled' : 'queued')
        break
      case 'requeue':
        row.crashes = verdict.crashes
        if (outcome.kind === 'crashed') row.error = outcome.error
        row.run = { attempt: row.failures }
        this.#move(row, 'requeue', 'queued')
    }
  }

  cancel(row: Row): void {
    row.lease = null
    row.error = undefined
    this.#move(row, 'cancel', 'canceled')
  }

  revive(row: Row): Change {
    if (isFinal(row.state)) this.#totals.count(row.submission.queue, row.state, -1)
    this.#totals.weigh(row.submission, 1)
    row.runAtMs = this.#clock.nowMs()
    row.expiresAtMs = undefined
    row.failures = 0
    row.crashes = 0
    row.finalEpoch = null
    row.run = { attempt: 0 }
    row.finishedAtMs = undefined
    row.error = undefined
    this.#move(row, 'revive', 'queued')
    return { id: row.submission.id, state: row.state, changed: true }
  }

  #move(row: Row, verb: TransitionVerb, to: TaskState): void {
    if (!isAllowed(row.state, verb, to)) throw new Error(`bug: ${verb} from ${row.state} to ${to}`)
    if (row.state === 'queued') this.#ready.remove(row)
    row.state = to
    this.#entered(row)
  }

  /** What follows from being in a state. */
  #entered(row: Row): void {
    if (row.state === 'queued') {
      this.#ready.add(row)
      this.#options.onReady()
    } else if (isFinal(row.state)) {
      row.finishedAtMs = this.#clock.nowMs()
      this.#totals.count(row.submission.queue, row.state, 1)
      this.#totals.weigh(row.submission, -1)
      this.waits.settled(row.submission.id)
    }
    this.#setDeadline(row)
    this.note(row, {})
  }

  #setDeadline(row: Row): void {
    const retention = this.queues.retention(row.submission.queue, this.#options.retention)
    const deadlineMs = nextDeadlineMs(row, retention)
    if (deadlineMs === null) this.#deadlines.delete(row)
    else this.#deadlines.set(row, deadlineMs)
  }

  /** The queue keeps its final tasks for another time now. */
  retime(queue: string): void {
    for (const row of this.#rows.values()) if (row.submission.queue === queue) this.#setDeadline(row)
  }

  /** Time has come for these rows. */
  #pass(rows: readonly Row[]): void {
    for (const row of rows) {
      if (isFinal(row.state)) this.#purge(row)
      else if (isOverdue(row, this.#clock.nowMs())) this.#move(row, 'expire', 'expired')
      else this.#move(row, 'due', 'queued')
    }
    this.publish()
  }

  #purge(row: Row): void {
    this.#rows.delete(row.submission.id)
    this.waits.settled(row.submission.id)
  }

  // ---- telling ----------------------------------------------------------------------------------------------

  note(row: Row, news: Pick<TaskEvent, 'progress' | 'lines'>): void {
    const { id, type, queue } = row.submission
    if (!this.hub.wantsId(id)) return
    const { attempt } = row.run
    this.#events.push({ atMs: this.#clock.nowMs(), id, type, queue, state: row.state, attempt, ...news })
  }

  publish(): void {
    if (this.#events.length === 0) return
    const events = this.#events
    this.#events = []
    this.hub.publish(events)
  }

  /** Time stops; everyone who waits is answered. */
  async close(): Promise<void> {
    this.#deadlines.clear()
    await this.waits.close()
    this.hub.close()
  }
}

function receiptOf(row: Row, duplicate: boolean): Receipt {
  return { id: row.submission.id, state: row.state, duplicate, durability: 'memory' }
}
