/**
 * Hints: which tasks wait in a lane. What RabbitMQ carries; the ledger alone says whether it is true.
 *
 * Short tasks share a hint, because the broker's cost a message is what limits the rate; slow ones have one each, because a hint is in one
 * process's hands until its last task is done.
 */

import { HINT_TASKS_MAX, HINT_WORK_MS } from '../../task/limits.ts'
import type { Outgoing } from './broker/broker.ts'
import type { Lane } from './lane.ts'

export const HINT_TYPE = 'application/vnd.chasqui.hint+json'

/** A task of which one may tell the workers. */
export interface Waiting {
  readonly seq: number
  readonly lane: Lane
  readonly runAtMs: number
  /** Its next worker death would be its last. */
  readonly alone: boolean
}

export interface Hint {
  /** When the longest due of them was due. */
  readonly dueMs: number
  readonly seqs: readonly number[]
  readonly alone: boolean
}

/** @param consumers how many there are to share the work, as far as one knows */
export function hintsFor(tasks: readonly Waiting[], consumers: number): Outgoing[] {
  const messages: Outgoing[] = []
  const open = new Map<Lane, { seqs: number[]; dueMs: number; size: number }>()
  const share = Math.ceil(tasks.length / Math.max(1, consumers))
  const close = (lane: Lane, seqs: readonly number[], dueMs: number, alone = false) => {
    messages.push({ queue: lane.amqpQueue, contentType: HINT_TYPE, body: hintText(seqs, dueMs, alone) })
  }
  for (const { seq, lane, runAtMs, alone } of tasks) {
    if (alone) {
      close(lane, [seq], runAtMs, true)
      continue
    }
    let hint = open.get(lane)
    if (hint === undefined) {
      hint = { seqs: [], dueMs: runAtMs, size: Math.min(sizeOf(lane, consumers), share) }
      open.set(lane, hint)
    }
    hint.seqs.push(seq)
    if (hint.seqs.length >= hint.size) {
      close(lane, hint.seqs, hint.dueMs)
      open.delete(lane)
    }
  }
  for (const [lane, { seqs, dueMs }] of open) close(lane, seqs, dueMs)
  return messages
}

/**
 * Tasks of one hint: as many as keep a worker busy for HINT_WORK_MS. While nothing is known of the type: one, so that all workers find out at once; and
 * as many as may be while there is no worker, for whoever takes more than it can use gives the rest away.
 */
function sizeOf({ meanMs }: Lane, consumers: number): number {
  if (meanMs === null) return consumers === 0 ? HINT_TASKS_MAX : 1
  return Math.max(1, Math.min(HINT_TASKS_MAX, Math.floor(HINT_WORK_MS / Math.max(meanMs, 0.01))))
}

function hintText(seqs: readonly number[], dueMs: number, alone: boolean): string {
  return `{"v":1,"due":${dueMs},"tasks":[${seqs.join()}]${alone ? ',"alone":true' : ''}}`
}

/** null: not a hint of ours. */
export function readHint(body: Buffer): Hint | null {
  try {
    const { v, due, tasks, alone } = JSON.parse(body.toString('utf8')) as Record<string, unknown>
    if (v !== 1 || !Number.isSafeInteger(due) || !Array.isArray(tasks) || !tasks.every(Number.isSafeInteger))
      return null
    return { dueMs: due as number, seqs: tasks as number[], alone: alone === true }
  } catch {
    return null
  }
}
