/**
 * What was seen from outside while faults were made: by clients, in the order in which each of them saw it, and by handlers. Nothing in
 * here comes from the store; checker.ts compares it with what the store says afterwards.
 */

import type { TaskState } from '../../src/task/lifecycle.ts'
import type { Durability } from '../../src/task/task.ts'
import type { Run } from '../support/run-log.ts'

/** A receipt came. */
export interface Confirmation {
  readonly saw: 'confirmation'
  /** The id that was submitted. */
  readonly asked: string
  /** The id that stands for it; another one where a dedupe key was held. */
  readonly id: string
  readonly duplicate: boolean
  readonly state: TaskState
  readonly durability: Durability
  readonly atMs: number
}

/** Somebody was told that a task is final. */
export interface Sighting {
  readonly saw: 'final'
  readonly by: 'wait' | 'event'
  readonly id: string
  readonly state: TaskState
  readonly attempt: number
  readonly atMs: number
  /** Not told by events. */
  readonly finishedAtMs?: number
  /** Canonical JSON. */
  readonly result?: string
  readonly error?: string
}

/** A cancellation was answered. */
export interface Cancellation {
  readonly saw: 'cancellation'
  readonly id: string
  readonly state: TaskState
  readonly changed: boolean
  readonly atMs: number
}

/** A submission was not confirmed: it may or may not be there. */
export interface Doubt {
  readonly saw: 'doubt'
  readonly asked: string
  readonly code: string
}

export type Observation = Confirmation | Sighting | Cancellation | Doubt

export interface History {
  readonly confirmations: Confirmation[]
  readonly sightings: Sighting[]
  readonly cancellations: Cancellation[]
  readonly doubts: Doubt[]
  readonly runs: Run[]
}

export function createHistory(): History {
  return { confirmations: [], sightings: [], cancellations: [], doubts: [], runs: [] }
}

export function note(history: History, observation: Observation): void {
  switch (observation.saw) {
    case 'confirmation':
      history.confirmations.push(observation)
      return
    case 'final':
      history.sightings.push(observation)
      return
    case 'cancellation':
      history.cancellations.push(observation)
      return
    case 'doubt':
      history.doubts.push(observation)
  }
}

/** How many attempts a process has started. */
export function startsOf(pid: number, { runs }: History): number {
  return runs.filter((run) => run.pid === pid && run.moment === 'start').length
}

/** What a process has started and not ended. */
export function unfinishedOf(pid: number, { runs }: History): string[] {
  const own = runs.filter((run) => run.pid === pid)
  const ended = new Set(own.filter(({ moment }) => moment !== 'start').map(({ id }) => id))
  return own.filter(({ id, moment }) => moment === 'start' && !ended.has(id)).map(({ id }) => id)
}

/** Each of these tasks was started by another process as well, or was cancelled. */
export function wentElsewhere(ids: readonly string[], pid: number, history: History): boolean {
  const { runs, cancellations } = history
  return ids.every(
    (id) =>
      runs.some((run) => run.id === id && run.moment === 'start' && run.pid !== pid) ||
      cancellations.some((cancellation) => cancellation.id === id),
  )
}
