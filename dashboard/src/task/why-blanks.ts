/** From a reason of the server to the blanks of its sentence. Pure. */

import type { Reason } from '../api/shapes.ts'
import { duration } from '../look/figures.ts'

/** What is not known is a dash, and what is nobody is one, too. */
const UNKNOWN = '–'

export function whyBlanks(reason: Reason, nowMs: number): Readonly<Record<string, string | number>> {
  const { until, leaseUntil, waitMs, worker, others, takers, ahead, isMore } = reason
  const end = until ?? leaseUntil
  const wait = end ? Date.parse(end) - nowMs : waitMs
  const queues = new Set(others?.flatMap((taker) => taker.queues))
  const types = new Set(takers?.flatMap((taker) => taker.types ?? []))
  return {
    wait:
      wait === null || wait === undefined ? UNKNOWN : duration(Math.max(0, Math.round(wait / 1_000) * 1_000)),
    failures: reason.failures ?? 0,
    queues: [...queues].join(', ') || UNKNOWN,
    types: [...types].join(', ') || UNKNOWN,
    held: reason.held ?? 0,
    slots: reason.slots ?? 0,
    ahead: isMore === true ? `> ${ahead}` : (ahead ?? 0),
    crashes: reason.crashes ?? 0,
    maxAttempts: reason.maxAttempts ?? 0,
    worker: worker ? `${worker.host}, PID ${worker.pid}` : UNKNOWN,
  }
}
