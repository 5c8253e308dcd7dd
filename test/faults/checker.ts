/**
 * The history checker: everything that a fault test says ends here. It holds what clients saw and handlers did against what the store
 * says once everything is over.
 *
 * The promises (DESIGN section 1): a confirmed task is never lost; its result is recorded once and stays; nothing starts after a
 * recorded cancel. Handlers may run more than once, so repetitions are counted and are no error.
 */

import type { EngineReport } from '../../src/engine/engine.ts'
import { FINAL_STATES, type FinalState, isFinal } from '../../src/task/lifecycle.ts'
import type { TaskRecord } from '../../src/task/task.ts'
import type { Run } from '../support/run-log.ts'
import type { History } from './history.ts'
import type { StoreLook } from './store-file.ts'

/** What is there when all faults are over and everything had its time to end. */
export interface Remains {
  /** The answer to `get` for each id that was ever asked for; null: unknown. */
  readonly records: ReadonlyMap<string, TaskRecord | null>
  /** Everything that paging through `list` gave. */
  readonly listed: readonly TaskRecord[]
  readonly report: EngineReport
  readonly file: StoreLook
}

export interface CheckOptions {
  /**
   * How long after a cancel or a result was told a delivery that was already in a worker's hands may still be started: the
   * way of a revocation. Where connections break or workers freeze: until the lease is over.
   */
  readonly lateStartMs: number
}

export interface Judgement {
  /** Sentences; none when every promise was kept. */
  readonly violations: readonly string[]
  /** Counts that are no promise. */
  readonly facts: {
    readonly confirmed: number
    readonly unconfirmed: number
    /** Final tasks by their state. */
    readonly final: Readonly<Record<FinalState, number>>
    /** Starts of an attempt that had been started before. */
    readonly repeatedStarts: number
    /** Starts after the result was known or the cancel was told, within the time that is allowed. */
    readonly lateStarts: number
  }
}

export function check(history: History, remains: Remains, options: CheckOptions): Judgement {
  const violations: string[] = []
  const say = (rule: string, sentence: string) => void violations.push(`${rule}: ${sentence}`)
  const runs = groupById(history.runs)

  noneLost(history, remains, say)
  allFinal(remains, say)
  recordedOnce(history, remains, say)
  onlyWhatRan(remains, runs, say)
  attemptsInOrder(remains, runs, say)
  const lateStarts = nothingStartsAfterTheEnd(history, runs, options, say)
  reportAddsUp(remains, say)
  for (const fault of remains.file.faults) say('file', fault)
  nothingLeftOver(remains, say)

  return {
    violations,
    facts: {
      confirmed: new Set(history.confirmations.map(({ id }) => id)).size,
      unconfirmed: history.doubts.length,
      final: countStates(remains.listed),
      repeatedStarts: countRepeats(history.runs),
      lateStarts,
    },
  }
}

type Say = (rule: string, sentence: string) => void
type RunsById = ReadonlyMap<string, readonly Run[]>

/** Every confirmed task is there: by its id, in the list once, and in the file. */
function noneLost({ confirmations, doubts }: History, { records, listed, file }: Remains, say: Say): void {
  const times = new Map<string, number>()
  for (const { id } of listed) times.set(id, (times.get(id) ?? 0) + 1)
  for (const [id, count] of times) if (count > 1) say('twice', `${id} is listed ${count} times`)
  for (const id of new Set(confirmations.map((confirmation) => confirmation.id))) {
    if (records.get(id) == null) say('lost', `${id} was confirmed and is unknown`)
    else if (!times.has(id)) say('lost', `${id} was confirmed and is not listed`)
    if (!file.tasks.has(id)) say('lost', `${id} was confirmed and is not in the file`)
  }
  const asNew = new Set<string>()
  for (const { asked, id, duplicate, durability } of confirmations) {
    if (durability !== 'disk') say('receipt', `${asked} was confirmed as ${durability}`)
    if (duplicate) continue
    if (asked !== id) say('receipt', `${asked} was confirmed as new under the id ${id}`)
    if (asNew.has(id)) say('receipt', `${id} was confirmed as new twice`)
    asNew.add(id)
  }
  for (const { asked, code } of doubts) {
    if (code === 'ID_CONFLICT') say('receipt', `${asked} was submitted again unchanged and refused`)
  }
}

/** One final record each, and the same one however it is asked for. */
function allFinal({ records, listed, file }: Remains, say: Say): void {
  for (const record of listed) {
    const { id, state } = record
    if (!isFinal(state)) say('not final', `${id} is ${state}`)
    const asked = records.get(id)
    if (asked != null && tell(asked) !== tell(record)) {
      say('differs', `${id} is ${tell(asked)} when asked for and ${tell(record)} in the list`)
    }
    const final = file.tasks.get(id)?.final
    if (final === undefined || final === null) {
      say('no record', `${id} has no result row`)
    } else if (final.state !== state || canonical(final.value) !== canonical(record.resultText ?? null)) {
      say('differs', `${id} is ${tell(record)} to clients and ${final.state} ${final.value} in the file`)
    }
  }
  const known = new Set(listed.map(({ id }) => id))
  for (const id of file.tasks.keys())
    if (!known.has(id)) say('differs', `${id} is in the file and not listed`)
}

/** What somebody was told stays true for ever. */
function recordedOnce({ sightings, cancellations }: History, { records }: Remains, say: Say): void {
  for (const { by, id, state, result, error, finishedAtMs } of sightings) {
    const record = records.get(id)
    // Unknown: told already where that matters.
    if (record == null) continue
    if (record.state !== state) {
      say('changed', `${id} was seen ${state} by ${by} and is ${record.state} now`)
    }
    if (by !== 'wait') continue
    const now = canonical(record.resultText ?? null)
    if (canonical(result ?? null) !== now) say('changed', `${id} was seen with ${result} and has ${now} now`)
    if (error !== undefined && error !== record.error?.message) {
      say('changed', `${id} was seen failed with "${error}" and has "${record.error?.message}" now`)
    }
    if (finishedAtMs !== record.finishedAtMs) {
      say('changed', `${id} was seen finished at ${finishedAtMs} and at ${record.finishedAtMs} now`)
    }
  }
  for (const { id, state } of cancellations) {
    const record = records.get(id)
    if (record != null && isFinal(state) && record.state !== state) {
      say('changed', `${id} was ${state} when its cancel was answered and is ${record.state} now`)
    }
  }
}

/** A result is what a run returned, and not made up or mixed. */
function onlyWhatRan({ listed }: Remains, runs: RunsById, say: Say): void {
  for (const { id, state, attempt, resultText, worker } of listed) {
    if (state !== 'succeeded') continue
    const { mark } = JSON.parse(resultText ?? 'null') as { mark?: string }
    const run = runs.get(id)?.find((one) => one.moment === 'returned' && one.mark === mark)
    if (run === undefined) say('made up', `${id} has a result that no run of it returned: ${resultText}`)
    else if (run.attempt !== attempt) {
      say('made up', `${id} has the result of attempt ${run.attempt} recorded for ${attempt}`)
    } else if (run.pid !== worker?.pid) {
      // Somebody whose lease was over was listened to.
      say('made up', `${id} has the result of process ${run.pid} recorded for ${worker?.pid}`)
    }
  }
}

/** Attempt n + 1 follows only from attempt n, which threw. */
function attemptsInOrder({ listed }: Remains, runs: RunsById, say: Say): void {
  for (const { id, attempt, state } of listed) {
    const own = runs.get(id) ?? []
    const ran = new Set(own.map((run) => run.attempt))
    const threw = new Set(own.filter(({ moment }) => moment === 'threw').map((run) => run.attempt))
    for (const number of ran) {
      if (number > 1 && !threw.has(number - 1)) {
        say('attempts', `${id} ran attempt ${number}, but attempt ${number - 1} had not failed`)
      }
    }
    if (state === 'succeeded' && !ran.has(attempt)) {
      say('attempts', `${id} succeeded in attempt ${attempt}, which nobody ran`)
    }
  }
}

/** Nothing is started once its end was told, except what was on its way at that moment. */
function nothingStartsAfterTheEnd(
  { sightings, cancellations }: History,
  runs: RunsById,
  { lateStartMs }: CheckOptions,
  say: Say,
): number {
  const endedAtMs = new Map<string, { atMs: number; what: string }>()
  const end = (id: string, atMs: number, what: string) => {
    if (atMs < (endedAtMs.get(id)?.atMs ?? Number.POSITIVE_INFINITY)) endedAtMs.set(id, { atMs, what })
  }
  for (const { id, state, atMs } of sightings) end(id, atMs, state)
  for (const { id, state, atMs } of cancellations) if (isFinal(state)) end(id, atMs, state)
  let late = 0
  for (const [id, { atMs, what }] of endedAtMs) {
    for (const run of runs.get(id) ?? []) {
      if (run.moment !== 'start' || run.atMs <= atMs) continue
      late++
      const afterMs = run.atMs - atMs
      if (afterMs > lateStartMs) say('started late', `${id} started ${afterMs} ms after it was told ${what}`)
    }
  }
  return late
}

/** submitted = waiting + running + final, and each total is what the list says. */
function reportAddsUp({ report, listed }: Remains, say: Say): void {
  const queues = new Set([...report.queues.map(({ queue }) => queue), ...listed.map(({ queue }) => queue)])
  for (const queue of queues) {
    const told = report.queues.find((one) => one.queue === queue)
    const own = listed.filter((record) => record.queue === queue)
    if (told === undefined) {
      say('totals', `queue ${queue} has ${own.length} tasks and is not in the report`)
      continue
    }
    const { scheduled, blocked, queued, running, totals } = told
    const waiting = { scheduled, blocked, queued, running }
    for (const [state, count] of Object.entries(waiting)) {
      const listedCount = own.filter((record) => record.state === state).length
      if (count !== listedCount) say('totals', `${queue}: ${count} ${state}, ${listedCount} listed`)
    }
    let final = 0
    for (const state of FINAL_STATES) {
      final += totals[state]
      const listedCount = own.filter((record) => record.state === state).length
      if (totals[state] !== listedCount) {
        say('totals', `${queue}: ${totals[state]} ${state} in total, ${listedCount} listed`)
      }
    }
    const sum = scheduled + blocked + queued + running + final
    if (totals.submitted !== sum)
      say('totals', `${queue}: ${totals.submitted} submitted, ${sum} accounted for`)
  }
}

function nothingLeftOver({ file, listed }: Remains, say: Say): void {
  if (listed.some(({ state }) => !isFinal(state))) return
  for (const [table, count] of Object.entries(file.live)) {
    if (count > 0) say('left over', `${count} rows in ${table} although everything is final`)
  }
  if (file.leaseRows > 0) say('left over', `${file.leaseRows} rows in lease although everything is final`)
}

// ---- small things -----------------------------------------------------------------------------------------

function tell({ state, attempt, resultText, error, finishedAtMs }: TaskRecord): string {
  return `${state} (attempt ${attempt}, ${resultText ?? error?.message ?? 'no value'}, at ${finishedAtMs})`
}

function canonical(text: string | null): string | null {
  return text === null ? null : JSON.stringify(JSON.parse(text))
}

function groupById(runs: readonly Run[]): Map<string, Run[]> {
  const groups = new Map<string, Run[]>()
  for (const run of runs) {
    const group = groups.get(run.id)
    if (group === undefined) groups.set(run.id, [run])
    else group.push(run)
  }
  return groups
}

function countStates(records: readonly TaskRecord[]): Record<FinalState, number> {
  const counts = { succeeded: 0, failed: 0, canceled: 0, expired: 0 }
  for (const { state } of records) if (isFinal(state)) counts[state]++
  return counts
}

function countRepeats(runs: readonly Run[]): number {
  const started = new Set<string>()
  let repeats = 0
  for (const { moment, id, attempt } of runs) {
    if (moment !== 'start') continue
    const key = `${attempt} ${id}`
    if (started.has(key)) repeats++
    started.add(key)
  }
  return repeats
}
