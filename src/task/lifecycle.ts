/**
 * The life of a task: its states and the only moves between them.
 *
 *   submit ──► scheduled ──due──► queued ──deliver──► running ──► succeeded
 *                 ▲  ▲               ▲                  │  │
 *                 │  └───retry later─┼──────────────────┘  └────► failed (the dead-letter set)
 *   submit ──► blocked ──ready──► queued
 *
 *   cancel: any state that is not final ──► canceled       expire: scheduled, blocked or queued ──► expired
 *   retry by hand: failed, canceled, expired ──► queued
 *
 * Invariant: `TRANSITIONS` is the whole truth; engines, docs/lifecycle.md and test/tidy read or compare this table.
 */

export const TASK_STATES = [
  'scheduled',
  'blocked',
  'queued',
  'running',
  'succeeded',
  'failed',
  'canceled',
  'expired',
] as const

export type TaskState = (typeof TASK_STATES)[number]

export const FINAL_STATES = ['succeeded', 'failed', 'canceled', 'expired'] as const
export type FinalState = (typeof FINAL_STATES)[number]

/** What moves a task from one state to another. */
export type TransitionVerb =
  | 'due' // its time came
  | 'unblock' // the tasks it waited for are done
  | 'deliver' // handed to a worker under a lease
  | 'complete' // the handler returned
  | 'retry' // an attempt failed and another follows, now or later
  | 'requeue' // given back unstarted, or its worker died: no attempt is used up
  | 'fail' // attempts or crash budget used up, or not retryable
  | 'cancel'
  | 'expire' // not started before its deadline
  | 'revive' // retried by hand

export interface Transition {
  readonly from: TaskState
  readonly verb: TransitionVerb
  readonly to: TaskState
}

export const TRANSITIONS: readonly Transition[] = [
  { from: 'scheduled', verb: 'due', to: 'queued' },
  { from: 'scheduled', verb: 'cancel', to: 'canceled' },
  { from: 'scheduled', verb: 'expire', to: 'expired' },
  { from: 'blocked', verb: 'unblock', to: 'queued' },
  { from: 'blocked', verb: 'unblock', to: 'scheduled' },
  { from: 'blocked', verb: 'fail', to: 'failed' },
  { from: 'blocked', verb: 'cancel', to: 'canceled' },
  { from: 'blocked', verb: 'expire', to: 'expired' },
  { from: 'queued', verb: 'deliver', to: 'running' },
  { from: 'queued', verb: 'cancel', to: 'canceled' },
  { from: 'queued', verb: 'expire', to: 'expired' },
  { from: 'running', verb: 'complete', to: 'succeeded' },
  { from: 'running', verb: 'retry', to: 'scheduled' },
  { from: 'running', verb: 'retry', to: 'queued' },
  { from: 'running', verb: 'requeue', to: 'queued' },
  { from: 'running', verb: 'fail', to: 'failed' },
  { from: 'running', verb: 'cancel', to: 'canceled' },
  { from: 'failed', verb: 'revive', to: 'queued' },
  { from: 'canceled', verb: 'revive', to: 'queued' },
  { from: 'expired', verb: 'revive', to: 'queued' },
]

export function isFinal(state: TaskState): state is FinalState {
  return state === 'succeeded' || state === 'failed' || state === 'canceled' || state === 'expired'
}

export function isAllowed(from: TaskState, verb: TransitionVerb, to: TaskState): boolean {
  return TRANSITIONS.some((t) => t.from === from && t.verb === verb && t.to === to)
}

/** States from which a task can be retried by hand. */
export function isRevivable(state: TaskState): boolean {
  return TRANSITIONS.some((t) => t.from === state && t.verb === 'revive')
}
