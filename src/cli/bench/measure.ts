/** The work of `chasqui bench`: so many tasks, so many of them under way at once, and how long each one took. */

import type { Client } from '../../client/client.ts'
import { ChasquiError } from '../../task/errors.ts'
import type { Json } from '../../task/task.ts'

export interface BenchPlan {
  readonly type: string
  readonly data: Json
  readonly queue: string | undefined
  readonly count: number
  /** Over all connections. */
  readonly inFlight: number
  /** false: a task is done when it is confirmed. */
  readonly waits: boolean
  readonly deadlineMs: number
  readonly onDone: (done: number) => void
}

export interface Measured {
  /** Tasks that were confirmed, and how long all of it took until the last one was. */
  readonly confirmed: number
  readonly confirmMs: number
  /** Of each task, in milliseconds; sorted. */
  readonly confirmations: Float64Array
  /** Tasks that succeeded, likewise; empty where nobody waited. */
  readonly succeeded: number
  readonly totalMs: number
  readonly roundTrips: Float64Array
  readonly failed: number
  /** Of the first one that was refused, failed or lost. */
  readonly firstError: string | null
}

/** Ends early, with what was measured until then, when the deadline passes or a task is refused. */
export async function measure(clients: readonly Client[], plan: BenchPlan): Promise<Measured> {
  const { count, inFlight, waits, deadlineMs, onDone } = plan
  const confirmations = new Float64Array(count)
  const roundTrips = new Float64Array(waits ? count : 0)
  const began = performance.now()
  let [next, confirmed, succeeded, failed] = [0, 0, 0, 0]
  let [confirmMs, totalMs] = [0, 0]
  let firstError: string | null = null
  let isOver = false

  const options = plan.queue === undefined ? {} : { queue: plan.queue }
  const one = async (client: Client): Promise<void> => {
    const sentMs = performance.now()
    const task = await client.submit(plan.type, plan.data, options)
    const confirmedMs = performance.now()
    confirmations[confirmed++] = confirmedMs - sentMs
    confirmMs = confirmedMs - began
    if (!waits) return onDone(confirmed)
    await task.result({ timeoutMs: Math.max(1, began + deadlineMs - confirmedMs) })
    const doneMs = performance.now()
    roundTrips[succeeded++] = doneMs - sentMs
    totalMs = doneMs - began
    onDone(succeeded)
  }
  const lane = async (client: Client): Promise<void> => {
    while (next < count && !isOver) {
      next++
      try {
        await one(client)
      } catch (error) {
        if (!(error instanceof ChasquiError)) throw error
        failed++
        firstError ??= error.message
        // A handler that fails says something about tasks; anything else about the system, and there is no use in going on.
        if (error.code !== 'TASK_FAILED') isOver = true
      }
      if (performance.now() - began > deadlineMs) isOver = true
    }
  }
  const lanes = Array.from({ length: Math.min(inFlight, count) }, (_, at) =>
    lane(clients[at % clients.length]!),
  )
  await Promise.all(lanes)
  return {
    confirmed,
    confirmMs,
    confirmations: confirmations.subarray(0, confirmed).sort(),
    succeeded,
    totalMs,
    roundTrips: roundTrips.subarray(0, succeeded).sort(),
    failed,
    firstError,
  }
}

export interface Summary {
  readonly perSecond: number
  readonly p50Ms: number
  readonly p95Ms: number
  readonly p99Ms: number
  readonly maxMs: number
}

/** Percentiles by nearest rank. Pure. @param sorted of all, in milliseconds; null where there are none */
export function summaryOf(sorted: Float64Array, tookMs: number): Summary | null {
  if (sorted.length === 0) return null
  const rank = (share: number) => round(sorted[Math.ceil(share * sorted.length) - 1]!)
  return {
    perSecond: Math.round((sorted.length * 1_000) / Math.max(tookMs, 0.001)),
    p50Ms: rank(0.5),
    p95Ms: rank(0.95),
    p99Ms: rank(0.99),
    maxMs: rank(1),
  }
}

function round(ms: number): number {
  return Number(ms.toPrecision(3))
}
