/** The lists of `chasqui top`: queues, workers and failures, each as rows under its titles. Pure. */

import { roughDuration } from '../../app/quantities.ts'
import type { TaskSnapshot } from '../../client/snapshot.ts'
import type { ConsumerReport, QueueReport } from '../../engine/engine.ts'
import { type Cells, table } from './layout.ts'
import type { Look } from './looks.ts'
import { type History, ratesOf, settledRateOf } from './rates.ts'

export interface Section {
  readonly title: string
  /** How many rows it has. */
  readonly length: number
  /** What stands where it has none. */
  readonly empty: string
  /** Titles, then the rows from `first` on, `count` of them at most. */
  lines(first: number, count: number, width: number): string[]
}

export const VIEWS = ['overview', 'queues', 'workers', 'failures'] as const
export type View = (typeof VIEWS)[number]

export function sectionsOf(
  look: Look,
  history: History,
): Readonly<Record<Exclude<View, 'overview'>, Section>> {
  return {
    queues: section(
      'Queues',
      'no queue yet: nothing was submitted',
      byBacklog(look),
      queueCells(look, history),
    ),
    workers: section(
      'Workers',
      'no worker is connected; tasks wait. Start one: chasqui worker',
      look.report.consumers,
      workerCells(look, history),
    ),
    failures: section('Failures', 'none', look.failures, failureCells(look)),
  }
}

function section<Row>(
  title: string,
  empty: string,
  rows: readonly Row[],
  cells: readonly Cells<Row>[],
): Section {
  return {
    title,
    empty,
    length: rows.length,
    lines: (first, count, width) => table(cells, rows.slice(first, first + count), width),
  }
}

function byBacklog({ report }: Look): readonly QueueReport[] {
  return [...report.queues].sort((a, b) => b.queued - a.queued || b.running - a.running)
}

function queueCells({ atMs, report }: Look, history: History): readonly Cells<QueueReport>[] {
  const count = (title: string, of: (queue: QueueReport) => number): Cells<QueueReport> => ({
    title,
    cell: (queue) => whole(of(queue)),
    right: true,
  })
  return [
    { title: 'queue', cell: ({ queue }) => queue, widthMax: 32 },
    ...modeCells(report.queues),
    count('queued', ({ queued }) => queued),
    {
      title: 'oldest',
      cell: ({ oldestQueuedAtMs: at }) => (at === null ? '' : ageText(atMs - at)),
      right: true,
    },
    count('running', ({ running }) => running),
    count('scheduled', ({ scheduled }) => scheduled),
    { title: 'in/s', cell: ({ queue }) => rateText(ratesOf(history, queue).submitted), right: true },
    { title: 'done/s', cell: ({ queue }) => rateText(ratesOf(history, queue).succeeded), right: true },
    { title: 'failed/s', cell: ({ queue }) => rateText(ratesOf(history, queue).failed), right: true },
    count('failed', ({ totals }) => totals.failed),
  ]
}

/** Only where there is something to say: nearly always all queues are open. */
function modeCells(queues: readonly QueueReport[]): readonly Cells<QueueReport>[] {
  if (queues.every(({ settings }) => settings.mode === 'open')) return []
  return [{ title: 'mode', cell: ({ settings }) => settings.mode }]
}

function workerCells(look: Look, history: History): readonly Cells<ConsumerReport>[] {
  return [
    { title: 'pid', cell: ({ worker }) => String(worker.pid), right: true },
    { title: 'host', cell: ({ worker }) => worker.host, widthMax: 24 },
    { title: 'slots', cell: ({ slots }) => String(slots), right: true },
    { title: 'held', cell: ({ held }) => String(held), right: true },
    { title: 'settled/s', cell: ({ id }) => rateText(settledRateOf(history, id)), right: true },
    { title: 'queues', cell: ({ queues }) => queues.join(','), widthMax: 24 },
    { title: 'runs', cell: (consumer) => runsText(look, consumer) },
  ]
}

/** What it runs, as far as it is known: the longest first. */
function runsText({ atMs, running }: Look, { worker, slots }: ConsumerReport): string {
  const own = running.filter((task) => task.worker?.id === worker.id)
  return own
    .slice(0, slots)
    .map(({ id, type, startedAtMs }) => `${type} ${id} ${ageText(atMs - (startedAtMs ?? atMs))}`)
    .join(', ')
}

function failureCells({ atMs }: Look): readonly Cells<TaskSnapshot>[] {
  return [
    { title: 'ago', cell: ({ finishedAtMs: at }) => ageText(atMs - (at ?? atMs)), right: true },
    { title: 'task', cell: ({ id }) => id, widthMax: 36 },
    { title: 'type', cell: ({ type }) => type, widthMax: 24 },
    { title: 'queue', cell: ({ queue }) => queue, widthMax: 16 },
    { title: 'attempt', cell: ({ attempt, maxAttempts }) => `${attempt}/${maxAttempts}`, right: true },
    { title: 'error', cell: ({ error }) => (error === undefined ? '' : `${error.name}: ${error.message}`) },
  ]
}

export function whole(count: number): string {
  return Math.round(count).toLocaleString('en')
}

export function rateText(rate: number | null): string {
  if (rate === null) return '–'
  return rate >= 10 || rate === 0 ? whole(rate) : rate.toFixed(1)
}

/** Clocks of two machines may differ by a little. */
function ageText(ms: number): string {
  return roughDuration(Math.max(0, ms))
}
