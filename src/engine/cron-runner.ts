/**
 * What makes schedules tick: sleeps until the next one is due, submits the tasks of its ticks, and writes down how far it came. Every process that may
 * run one has it; `mayRun` says whose turn it is.
 *
 * Two runners at once do no harm: a tick's task has the same id whoever submits it, and a row is kept only over the one that it was made from.
 *
 * Invariant: a row moves past a tick only after its task is in the store, or after the tick was counted as skipped or missed.
 */

import { type Plan, planTicks, submittedMeanwhile } from '../cron/plan.ts'
import { tickId, tickTask } from '../cron/tick-task.ts'
import type { Clock, Timer } from '../task/clock.ts'
import { ERRORS } from '../task/errors.ts'
import { isFinal } from '../task/lifecycle.ts'
import {
  BATCH_ENTRIES_MAX,
  CRON_REST_MS,
  CRON_ROWS_MAX,
  CRON_WAIT_MS,
  HINT_RECHECK_MS,
} from '../task/limits.ts'
import type { Receipt, Refusal } from '../task/task.ts'
import type { ScheduleRow, ScheduleStore } from './cron.ts'
import type { Engine } from './engine.ts'

export interface CronRunnerOptions {
  readonly store: ScheduleStore
  readonly clock: Clock
  readonly tasks: Pick<Engine, 'submit' | 'get' | 'cancel' | 'wait'>
  /** Whether this process is the one that does it. */
  readonly mayRun: () => boolean
  /** Schedules cannot be looked at; it is tried again. */
  readonly onTrouble: (error: unknown) => void
}

export class CronRunner {
  readonly #options: CronRunnerOptions
  #timer: Timer | null = null
  #nextMs = Number.POSITIVE_INFINITY
  #running: Promise<void> | null = null
  #again = false
  #closed = false
  /** It knows which schedules keep ticks back; forgotten when somebody else takes over. */
  #hasTurn = false
  #lookedAtMs = Number.NEGATIVE_INFINITY
  /** Schedules that wait for tasks of theirs, and those for which that is over. */
  readonly #waits = new Map<string, AbortController>()
  readonly #ready = new Set<string>()

  constructor(options: CronRunnerOptions) {
    this.#options = options
  }

  get isBusy(): boolean {
    return this.#running !== null
  }

  /** A schedule has to be looked at at this time. */
  due(atMs: number): void {
    if (atMs >= this.#nextMs) return
    this.#nextMs = atMs
    this.#arm()
  }

  /** Hints of what is due can be lost, and turns change: looks from time to time, however often it is asked. */
  recheck(): void {
    const isOld = this.#options.clock.nowMs() - this.#lookedAtMs >= HINT_RECHECK_MS
    if (!this.#hasTurn || isOld) this.kick()
  }

  /** Looks at what is due now. */
  kick(): void {
    if (this.#closed) return
    if (this.#running !== null) {
      this.#again = true
      return
    }
    this.#running = this.#round()
      .catch((error) => this.#rest(error))
      .finally(() => {
        this.#running = null
        if (!this.#again) return
        this.#again = false
        this.kick()
      })
  }

  async close(): Promise<void> {
    this.#closed = true
    this.#timer?.cancel()
    this.#forget()
    await this.#running
  }

  #arm(): void {
    this.#timer?.cancel()
    this.#timer = null
    if (this.#closed || this.#nextMs === Number.POSITIVE_INFINITY) return
    this.#timer = this.#options.clock.at(this.#nextMs, () => {
      this.#timer = null
      this.#nextMs = Number.POSITIVE_INFINITY
      this.kick()
    })
  }

  #rest(error: unknown): void {
    if (this.#closed) return
    this.#options.onTrouble(error)
    this.due(this.#options.clock.nowMs() + CRON_REST_MS)
  }

  #forget(): void {
    for (const wait of this.#waits.values()) wait.abort()
    this.#waits.clear()
    this.#ready.clear()
    this.#hasTurn = false
  }

  async #round(): Promise<void> {
    const { store, clock, mayRun } = this.#options
    if (!mayRun()) {
      this.#forget()
      return
    }
    this.#lookedAtMs = clock.nowMs()
    if (!this.#hasTurn) {
      for (const name of await store.waiting()) this.#ready.add(name)
      this.#hasTurn = true
    }
    for (;;) {
      const names = [...this.#ready].slice(0, CRON_ROWS_MAX)
      for (const name of names) this.#ready.delete(name)
      const freed = names.length === 0 ? [] : (await store.read(names)).filter((row) => row !== null)
      const due = await store.due(clock.nowMs(), CRON_ROWS_MAX)
      if (this.#closed) return
      const rows = new Map([...freed, ...due].map((row) => [row.name, row]))
      if (rows.size > 0) await this.#step([...rows.values()])
      if (due.length < CRON_ROWS_MAX && this.#ready.size === 0) break
    }
    const nextMs = await store.nextMs()
    this.#nextMs = nextMs ?? Number.POSITIVE_INFINITY
    this.#arm()
  }

  async #step(rows: readonly ScheduleRow[]): Promise<void> {
    const { store, clock, tasks } = this.#options
    const nowMs = clock.nowMs()
    const active = await this.#activeOf(rows)
    const plans = rows.map((row) => planTicks(row, nowMs, (id) => active.has(id)))
    const cancelIds = plans.flatMap((plan) => plan.cancelIds)
    for (const ids of partsOf(cancelIds)) await tasks.cancel(ids)
    const submissions = plans.flatMap(({ row, submitMs }) =>
      submitMs.map((tickMs) => tickTask(row.schedule, tickId(row.name, tickMs), tickMs, nowMs)),
    )
    const answers = new Map<string, Receipt | Refusal>()
    for (const part of partsOf(submissions)) {
      const answered = await tasks.submit(part, 'disk')
      part.forEach(({ id }, index) => {
        answers.set(id, answered[index]!)
      })
    }
    const kept = plans.map(({ row, submitMs }, index) => {
      const refusals = submitMs.map((tickMs) => refusalOf(answers.get(tickId(row.name, tickMs))!))
      const refusal = refusals.find((one) => one !== null)
      return refusal == null ? row : afterRefusal(rows[index]!, row, refusal, nowMs)
    })
    const written = await store.write(kept)
    await this.#countPaused(plans.filter((plan, index) => !written[index] && kept[index] === plan.row))
    kept.forEach((row, index) => {
      // Somebody changed it meanwhile: it is looked at again as it is now.
      if (!written[index]) this.#again = true
      else if (row.state.waitingMs.length > 0 && !row.state.paused) this.#await(row)
    })
  }

  /** Of schedules that were paused just then nobody plans these ticks again; all others do, and find their tasks there. */
  async #countPaused(plans: readonly Plan[]): Promise<void> {
    const { store } = this.#options
    const submitted = plans.filter(({ submitMs }) => submitMs.length > 0)
    if (submitted.length === 0) return
    const now = await store.read(submitted.map(({ row }) => row.name))
    const rows = submitted.flatMap(({ submitMs }, index) => {
      const row = now[index]
      return row?.state.paused ? [submittedMeanwhile(row, submitMs)] : []
    })
    if (rows.length > 0) await store.write(rows)
  }

  /** Tasks of earlier ticks that are not final. */
  async #activeOf(rows: readonly ScheduleRow[]): Promise<ReadonlySet<string>> {
    const active = new Set<string>()
    for (const ids of partsOf(rows.flatMap((row) => row.state.activeIds))) {
      for (const record of await this.#options.tasks.get(ids)) {
        if (record !== null && !isFinal(record.state)) active.add(record.id)
      }
    }
    return active
  }

  /** Its kept-back ticks go on when its tasks are final. */
  #await({ name, state }: ScheduleRow): void {
    this.#waits.get(name)?.abort()
    const wait = new AbortController()
    this.#waits.set(name, wait)
    void this.#options.tasks
      .wait(state.activeIds, CRON_WAIT_MS, wait.signal)
      .catch((error: unknown) => this.#closed || this.#options.onTrouble(error))
      .then(() => {
        if (wait.signal.aborted || this.#closed) return
        this.#waits.delete(name)
        this.#ready.add(name)
        this.kick()
      })
  }
}

/** null: the task is there. One that was there with other content is the tick's, too: the schedule was changed since. */
function refusalOf(answer: Receipt | Refusal): Refusal['refused'] | null {
  return 'refused' in answer && answer.refused.code !== 'ID_CONFLICT' ? answer.refused : null
}

/** Refused for now: the same ticks again, later. For good: it is told, and the next tick may fare better. */
function afterRefusal(
  before: ScheduleRow,
  after: ScheduleRow,
  { code, message, retryAfterMs }: Refusal['refused'],
  nowMs: number,
): ScheduleRow {
  const error = `${code}: ${message}`
  if (ERRORS[code].retryable) {
    const nextAtMs = nowMs + Math.max(CRON_REST_MS, retryAfterMs ?? 0)
    return { ...before, state: { ...before.state, error }, nextAtMs }
  }
  const { lastTickMs, lastId, fired, activeIds } = before.state
  const missed = after.state.missed + after.state.fired - fired
  return { ...after, state: { ...after.state, lastTickMs, lastId, fired, activeIds, missed, error } }
}

function* partsOf<Entry>(entries: readonly Entry[]): Generator<readonly Entry[]> {
  for (let at = 0; at < entries.length; at += BATCH_ENTRIES_MAX)
    yield entries.slice(at, at + BATCH_ENTRIES_MAX)
}
