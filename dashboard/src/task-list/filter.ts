/**
 * What a list of tasks is narrowed down to, and how that stands in the address. Pure.
 *
 * States, types, queues and times are asked of the server; text is looked at here, in what the server answers, newest first.
 */

import { TASK_STATES, type TaskState } from '../../../src/task/lifecycle.ts'
import type { TaskRecord } from '../api/shapes.ts'
import type { TaskFilter } from '../api/tasks.ts'

export interface ListFilter {
  readonly states: readonly TaskState[]
  readonly types: readonly string[]
  readonly queues: readonly string[]
  /** In the id, the type, the key, the error, or the metadata. */
  readonly text: string
  /** Accepted within this time before now; null: at any time. */
  readonly withinMs: number | null
  /** Accepted from here, and until here (milliseconds); used where `withinMs` is null. */
  readonly fromMs: number | null
  readonly untilMs: number | null
}

export const SPANS = { '5m': 300_000, '1h': 3_600_000, '24h': 86_400_000, '7d': 604_800_000 } as const
export type Span = keyof typeof SPANS

export const EVERYTHING: ListFilter = {
  states: [],
  types: [],
  queues: [],
  text: '',
  withinMs: null,
  fromMs: null,
  untilMs: null,
}

export function readFilter(address: Readonly<Record<string, string>>): ListFilter {
  const several = (name: string) => (address[name] ?? '').split(',').filter((part) => part !== '')
  const span = address.within as Span | undefined
  return {
    states: several('state').filter((name): name is TaskState => TASK_STATES.includes(name as TaskState)),
    types: several('type').map(decodeURIComponent),
    queues: several('queue').map(decodeURIComponent),
    text: address.text ?? '',
    withinMs: span !== undefined && span in SPANS ? SPANS[span] : null,
    fromMs: timeOf(address.from),
    untilMs: timeOf(address.until),
  }
}

export function writeFilter(filter: ListFilter): Record<string, string> {
  const span = Object.entries(SPANS).find(([, ms]) => ms === filter.withinMs)?.[0] ?? ''
  return {
    state: filter.states.join(','),
    // A name may hold a comma.
    type: filter.types.map(encodeURIComponent).join(','),
    queue: filter.queues.map(encodeURIComponent).join(','),
    text: filter.text,
    within: span,
    from: filter.fromMs === null ? '' : new Date(filter.fromMs).toISOString(),
    until: filter.untilMs === null ? '' : new Date(filter.untilMs).toISOString(),
  }
}

function timeOf(text: string | undefined): number | null {
  const ms = text === undefined ? Number.NaN : Date.parse(text)
  return Number.isNaN(ms) ? null : ms
}

/** Whether a record that the server listed is one of those wanted. */
export function fits(record: TaskRecord, { text }: ListFilter): boolean {
  return text === '' || textOf(record).includes(text.toLowerCase())
}

/** What the server is asked for. */
export function askedOf({ states, types, queues, ...filter }: ListFilter, nowMs: number): TaskFilter {
  const fromMs = filter.withinMs === null ? filter.fromMs : nowMs - filter.withinMs
  const untilMs = filter.withinMs === null ? filter.untilMs : null
  return {
    states,
    types,
    queues,
    createdAfter: fromMs === null ? null : new Date(fromMs).toISOString(),
    // The server means "before", people mean "until".
    createdBefore: untilMs === null ? null : new Date(untilMs + 1).toISOString(),
  }
}

function textOf({ id, type, key, error, metadata }: TaskRecord): string {
  const parts = [id, type, key, error?.name, error?.message, ...Object.values(metadata ?? {})]
  return parts.join('\n').toLowerCase()
}
