/**
 * Why a task is not running: one pure function over what an engine knows of it, so that all engines say the same. What is in its way comes in the order in
 * which it has to be got out of the way: a time, a pause, a worker at all, one that knows its type, a free slot, the tasks before it.
 */

import type { Explanation, Reason, Taker } from '../task/explanation.ts'
import { EXPLAIN_TAKERS_MAX } from '../task/limits.ts'
import type { TaskRecord, WorkerIdentity } from '../task/task.ts'
import type { ConsumerReport, EngineReport } from './engine.ts'
import { creditOf, suits } from './seat-ring.ts'

/** Where a task stands, as only its engine knows. */
export interface Place {
  /** Queued: how many go before it; `isMore`: at least so many, for the count is bounded. */
  readonly ahead: number
  readonly isMore: boolean
  /** Running: when its lease ends if nobody renews it; null: not known here. */
  readonly leaseUntilMs: number | null
  readonly runsAlone: boolean
}

export const NOWHERE: Place = { ahead: 0, isMore: false, leaseUntilMs: null, runsAlone: false }

export function explain(
  record: TaskRecord,
  place: Place,
  report: Pick<EngineReport, 'queues' | 'consumers'>,
  nowMs: number,
): Explanation {
  const { id, type, queue, state } = record
  return { id, type, queue, state, reasons: reasonsOf(record, place, report, nowMs) }
}

type Report = Pick<EngineReport, 'queues' | 'consumers'>

function reasonsOf(record: TaskRecord, place: Place, report: Report, nowMs: number): Reason[] {
  switch (record.state) {
    case 'scheduled':
      return [notDue(record, nowMs), ...inItsWay(record, report)]
    case 'blocked':
      return [{ kind: 'waits-for-tasks', message: 'It waits for other tasks.' }, ...inItsWay(record, report)]
    case 'queued':
      return queued(record, place, report, nowMs)
    case 'running':
      return [running(record, place, report, nowMs)]
    case 'failed':
      return [failed(record)]
    default: {
      const atMs = record.finishedAtMs!
      return [{ kind: record.state, atMs, message: `${FINAL_TEXT[record.state]} ${timeText(atMs)}.` }]
    }
  }
}

const FINAL_TEXT = {
  succeeded: 'It is over: it succeeded',
  canceled: 'It was cancelled',
  expired: 'It was not started in time and expired',
} as const

function notDue({ runAtMs: untilMs, attempt: failures, error }: TaskRecord, nowMs: number): Reason {
  const when = `${timeText(untilMs)}, in ${durationText(untilMs - nowMs)}`
  if (failures === 0) return { kind: 'not-due', untilMs, message: `It is not due until ${when}.` }
  const why = error === undefined ? '' : ` (${error.name}: ${error.message.slice(0, ERROR_SHOWN)})`
  const message = `Attempt ${failures} failed${why}; the next one is due ${when}.`
  return { kind: 'retry-not-due', untilMs, failures, message }
}

const ERROR_SHOWN = 200

function queued(record: TaskRecord, place: Place, report: Report, nowMs: number): Reason[] {
  const blocking = inItsWay(record, report)
  if (blocking.length > 0) return blocking
  const takers = report.consumers.filter((one) => suits(one, record))
  const reasons: Reason[] = []
  const { crashes } = record
  if (place.runsAlone) {
    const message = `Its worker died under it ${times(crashes)}: it waits for a worker that holds nothing else.`
    reasons.push({ kind: 'runs-alone', crashes, message })
  }
  const { slots, held, credit } = takers.reduce(
    (sum, one) => ({
      slots: sum.slots + one.slots,
      held: sum.held + one.held,
      credit: sum.credit + creditOf(one.slots, one.prefetch),
    }),
    { slots: 0, held: 0, credit: 0 },
  )
  if (takers.every((one) => one.held >= creditOf(one.slots, one.prefetch))) {
    const message = `All workers that know it are busy: they hold ${held} tasks of ${credit} that they may have.`
    reasons.push({ kind: 'workers-busy', slots, held, credit, message })
  }
  if (place.ahead > 0) reasons.push(behind(place, takers, nowMs))
  if (reasons.length > 0) return reasons
  return [{ kind: 'imminent', message: 'Nothing is in its way: it should start at any moment.' }]
}

function behind({ ahead, isMore }: Place, takers: readonly ConsumerReport[], nowMs: number): Reason {
  const ratePerSecond = rateOf(takers, nowMs)
  const waitMs = ratePerSecond === null ? null : Math.round((ahead / ratePerSecond) * 1_000)
  const count = `${isMore ? 'at least ' : ''}${ahead} other ${ahead === 1 ? 'task goes' : 'tasks go'} before it`
  const estimate =
    waitMs === null ? '' : `; as fast as its workers were so far, that takes ${durationText(waitMs)}`
  return {
    kind: 'behind-others',
    ahead,
    isMore,
    ratePerSecond,
    waitMs,
    message: `${sentence(count)}${estimate}.`,
  }
}

/** Since they connected: an estimate, and a slow one where they were idle. */
function rateOf(takers: readonly ConsumerReport[], nowMs: number): number | null {
  let rate = 0
  for (const { settled, connectedAtMs } of takers) {
    rate += settled / Math.max(1, (nowMs - connectedAtMs) / 1_000)
  }
  return rate === 0 ? null : rate
}

/** Types whose tasks those may take who may take this one: they compete with it. null: all. */
export function rivalTypes(
  record: Pick<TaskRecord, 'queue' | 'type'>,
  consumers: readonly ConsumerReport[],
): ReadonlySet<string> | null {
  const takers = consumers.filter((one) => suits(one, record))
  if (takers.some(({ types }) => types === null)) return null
  return new Set([record.type, ...takers.flatMap(({ types }) => types!)])
}

/** What keeps it from being delivered whatever else waits. */
function inItsWay({ queue, type }: TaskRecord, { queues, consumers }: Report): Reason[] {
  const reasons: Reason[] = []
  if (queues.find((one) => one.queue === queue)?.settings.mode === 'paused') {
    reasons.push({
      kind: 'queue-paused',
      message: `Queue ${queue} is paused: it delivers nothing until it is resumed.`,
    })
  }
  const here = consumers.filter((one) => one.queues.includes(queue))
  if (here.length === 0) {
    const others = takersOf(consumers)
    const elsewhere =
      consumers.length === 0 ? 'no worker is connected' : `none of the ${consumers.length} consumers does`
    reasons.push({
      kind: 'no-worker',
      others,
      message: `No worker takes tasks of queue ${queue}: ${elsewhere}.`,
    })
  } else if (!here.some((one) => one.types === null || one.types.includes(type))) {
    const known = [...new Set(here.flatMap((one) => one.types ?? []))].slice(0, EXPLAIN_TAKERS_MAX)
    const message = `No worker of queue ${queue} knows the type ${type}; they know ${known.join(', ')}.`
    reasons.push({ kind: 'type-unknown', takers: takersOf(here), message })
  }
  return reasons
}

function takersOf(consumers: readonly ConsumerReport[]): Taker[] {
  return consumers
    .slice(0, EXPLAIN_TAKERS_MAX)
    .map(({ worker, queues, types }) => ({ worker, queues, types }))
}

function running(record: TaskRecord, { leaseUntilMs }: Place, { consumers }: Report, nowMs: number): Reason {
  const worker = record.worker ?? null
  const isConnected = worker !== null && consumers.some((one) => one.worker.id === worker.id)
  const sinceMs = record.startedAtMs ?? null
  const lease =
    leaseUntilMs === null
      ? ''
      : isConnected
        ? `; its lease lasts until ${timeText(leaseUntilMs)}, and is renewed while the worker lives`
        : `; its worker is not connected, and unless it comes back the task is taken from it at ${timeText(leaseUntilMs)}`
  const since = sinceMs === null ? '' : ` for ${durationText(nowMs - sinceMs)}`
  const message = `It is in the hands of ${workerText(worker)}${since}, attempt ${record.attempt}${lease}.`
  return { kind: 'running', worker, isConnected, sinceMs, leaseUntilMs, message }
}

/** Why no further attempt follows. */
function failed({ attempt: attempts, maxAttempts, finishedAtMs, error }: TaskRecord): Reason {
  const atMs = finishedAtMs!
  const facts = { atMs, attempts, maxAttempts }
  const last = error === undefined ? '' : `: ${error.name}: ${error.message.slice(0, ERROR_SHOWN)}`
  if (error?.name === 'PoisonTask')
    return { kind: 'poison', ...facts, message: `It was given up as poison${last}.` }
  if (error?.name === 'INVALID_INPUT')
    return {
      kind: 'input-refused',
      ...facts,
      message: `Its data does not fit the schema of its type${last}.`,
    }
  if (attempts >= maxAttempts)
    return { kind: 'attempts-used-up', ...facts, message: `Its ${attempts} attempts are used up${last}.` }
  const message = `Attempt ${attempts} of ${maxAttempts} failed for good, as its handler said${last}.`
  return { kind: 'not-retryable', ...facts, message }
}

function workerText(worker: WorkerIdentity | null): string {
  return worker === null ? 'a worker' : `worker ${worker.id} (pid ${worker.pid} on ${worker.host})`
}

function timeText(ms: number): string {
  return new Date(ms).toISOString()
}

function times(count: number): string {
  return count === 1 ? 'once' : `${count} times`
}

function sentence(text: string): string {
  return text[0]!.toUpperCase() + text.slice(1)
}

const UNITS = [
  ['d', 86_400_000],
  ['h', 3_600_000],
  ['min', 60_000],
  ['s', 1_000],
] as const

/** For people: `3 min`, `1.5 s`. */
function durationText(ms: number): string {
  for (const [unit, size] of UNITS) {
    if (ms >= size) return `${Math.round((ms / size) * 10) / 10} ${unit}`
  }
  return `${Math.max(0, Math.round(ms))} ms`
}

/** For those who may not know who else works: only of queues that they may observe. Counts of others' tasks go, too. */
export function withoutTakers(explanation: Explanation, sees: (queue: string) => boolean): Explanation {
  const seen = (takers: readonly Taker[]) =>
    takers
      .map((taker) => ({ ...taker, queues: taker.queues.filter(sees) }))
      .filter(({ queues }) => queues.length > 0)
  const { queue, type } = explanation
  const reasons = explanation.reasons.map((reason): Reason => {
    if (reason.kind === 'no-worker')
      return { ...reason, others: seen(reason.others), message: `No worker takes tasks of queue ${queue}.` }
    if (reason.kind === 'type-unknown' && !sees(queue))
      return { ...reason, takers: [], message: `No worker of queue ${queue} knows the type ${type}.` }
    if (reason.kind === 'workers-busy' && !sees(queue))
      return { ...reason, slots: 0, held: 0, credit: 0, message: 'All workers that know it are busy.' }
    if (reason.kind === 'behind-others' && !sees(queue)) {
      const message = 'Other tasks go before it.'
      return { ...reason, ahead: 0, isMore: true, ratePerSecond: null, waitMs: null, message }
    }
    return reason
  })
  return { ...explanation, reasons }
}
