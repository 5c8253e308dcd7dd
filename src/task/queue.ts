/**
 * A queue as an object: whether it gives and takes, what its tasks get that do not say otherwise, how much it may hold, how long what is over is kept.
 * Pure; engines store the settings and obey them, and this file says what an order makes of them.
 *
 * A queue that nobody said anything about is `PLAIN_QUEUE`, so no engine has to make one before its first task.
 */

import type { Backoff } from './backoff.ts'
import { PRIORITY_DEFAULT, QUEUE_FULL_RETRY_MS } from './limits.ts'
import type { Refusal, Submission, TaskOptions } from './task.ts'

/**
 * `open`: gives and takes. `paused`: takes tasks, and delivers none; what runs goes on. `draining`: takes no new tasks, and delivers
 * those that it has.
 */
export const QUEUE_MODES = ['open', 'paused', 'draining'] as const
export type QueueMode = (typeof QUEUE_MODES)[number]

/** What a task of the queue gets where it does not say otherwise. The default priority counts as not said. */
export interface QueueDefaults {
  readonly priority?: number
  readonly maxAttempts?: number
  readonly maxCrashes?: number
  readonly backoff?: Backoff
  readonly timeoutMs?: number
  /** From its acceptance on; a task with a due time, from then on. */
  readonly ttlMs?: number
}

/** JSON-safe: engines keep it as text. */
export interface QueueSettings {
  readonly mode: QueueMode
  readonly defaults: QueueDefaults
  /** Unfinished tasks (waiting or running); null: as many as the engine takes. Beyond it new ones are refused with QUEUE_FULL. */
  readonly tasksMax: number | null
  /** Of their data, likewise. */
  readonly bytesMax: number | null
  /** How long final tasks are kept, and those of the dead-letter set; null: as long as the engine keeps them. */
  readonly retentionMs: number | null
  readonly failedRetentionMs: number | null
}

export const PLAIN_QUEUE: QueueSettings = {
  mode: 'open',
  defaults: {},
  tasksMax: null,
  bytesMax: null,
  retentionMs: null,
  failedRetentionMs: null,
}

/** What is left out stays as it is; null takes it away. */
export type QueueChange = {
  readonly [Key in Exclude<keyof QueueSettings, 'mode' | 'defaults'>]?: QueueSettings[Key]
} & { readonly defaults?: { readonly [Key in keyof QueueDefaults]?: QueueDefaults[Key] | null } }

export type QueueOrder =
  | { readonly kind: 'pause' | 'resume' | 'drain'; readonly queue: string }
  | { readonly kind: 'define'; readonly queue: string; readonly change: QueueChange }
  /** Cancels what waits, a bounded number at a time; `cursor`: from the answer before, to go on. */
  | { readonly kind: 'purge'; readonly queue: string; readonly cursor?: string }

export interface QueueAnswer {
  readonly queue: string
  readonly settings: QueueSettings
  /** Of a purge: how many tasks were cancelled, and where to go on; null: all of them. */
  readonly purged: number
  readonly cursor: string | null
}

const MODE_AFTER = { pause: 'paused', resume: 'open', drain: 'draining' } as const

/** The settings after an order. */
export function settingsAfter(settings: QueueSettings, order: QueueOrder): QueueSettings {
  switch (order.kind) {
    case 'purge':
      return settings
    case 'define': {
      const { defaults, ...others } = order.change
      return { ...settings, ...others, defaults: withoutNulls({ ...settings.defaults, ...defaults }) }
    }
    default:
      return { ...settings, mode: MODE_AFTER[order.kind] }
  }
}

function withoutNulls(defaults: NonNullable<QueueChange['defaults']>): QueueDefaults {
  return Object.fromEntries(Object.entries(defaults).filter(([, value]) => value !== null))
}

const OPTION_NAMES = ['maxAttempts', 'maxCrashes', 'backoff', 'timeoutMs'] as const

/**
 * The task as it enters the queue: with the defaults of the queue where it says nothing itself. What it got is named in its options
 * (`ofQueue`), so that the same submission is known again after the defaults have changed.
 */
export function withDefaults(given: Submission, { defaults }: QueueSettings, nowMs: number): Submission {
  const ofQueue: (keyof QueueDefaults)[] = []
  const options: { -readonly [Key in keyof TaskOptions]: TaskOptions[Key] } = { ...given.options }
  let { priority } = given
  if (defaults.priority !== undefined && priority === PRIORITY_DEFAULT) {
    priority = defaults.priority
    ofQueue.push('priority')
  }
  for (const name of OPTION_NAMES) {
    if (defaults[name] === undefined || options[name] !== undefined) continue
    Object.assign(options, { [name]: defaults[name] })
    ofQueue.push(name)
  }
  if (defaults.ttlMs !== undefined && options.expiresAtMs === undefined) {
    options.expiresAtMs = Math.max(nowMs, given.runAtMs) + defaults.ttlMs
    ofQueue.push('ttlMs')
  }
  return ofQueue.length === 0 ? given : { ...given, priority, options: { ...options, ofQueue } }
}

/** What unfinished tasks a queue has. */
export interface QueueLoad {
  readonly tasks: number
  /** Of their data. */
  readonly bytes: number
}

/** Why a new task does not enter the queue; null: it does. Nothing that was accepted is refused for it, nor dropped. */
export function refusalBy(
  { mode, tasksMax, bytesMax }: QueueSettings,
  { id, queue }: Submission,
  load: () => QueueLoad,
): Refusal | null {
  if (mode === 'draining') {
    return {
      id,
      refused: { code: 'QUEUE_DRAINING', message: `queue ${queue} takes no new tasks: it is draining` },
    }
  }
  if (tasksMax === null && bytesMax === null) return null
  const { tasks, bytes } = load()
  const limit =
    tasksMax !== null && tasks >= tasksMax
      ? `${tasksMax} unfinished tasks`
      : bytesMax !== null && bytes >= bytesMax
        ? `${bytesMax} bytes of unfinished tasks`
        : null
  if (limit === null) return null
  const message = `queue ${queue} holds its limit of ${limit}`
  return { id, refused: { code: 'QUEUE_FULL', message, retryAfterMs: QUEUE_FULL_RETRY_MS } }
}
