/** A consumer's place in the cluster engine, and the deliveries in its worker's hands. */

import type { Progress, TaskOptions } from '../../task/task.ts'
import type { ConsumeRequest, ConsumerEnd, DeliverySink } from '../engine.ts'
import { creditOf, type RingSeat } from '../seat-ring.ts'
import type { Lane } from './lane.ts'
import type { Entry, Window } from './window.ts'

export interface Seat extends RingSeat<Window> {
  readonly id: string
  readonly request: ConsumeRequest
  readonly sink: DeliverySink
  readonly workerNo: number
  readonly connectedAtMs: number
  readonly end: (end: ConsumerEnd) => void
  slots: number
  prefetch: number
  delivered: number
  settled: number
  /** Its worker is lost: there is nobody to tell. */
  gone: boolean
  /** Takes nothing more. */
  left: boolean
}

/** A row of the ledger that names deliveries of this member; deleted when the last of them is over. */
export interface Claim {
  readonly seq: number
  open: number
}

/** The right to finish one attempt, as this process knows it. */
export interface Held {
  readonly seq: number
  readonly id: string
  readonly lane: Lane
  readonly epoch: number
  readonly failures: number
  readonly crashes: number
  readonly runAtMs: number
  readonly options: TaskOptions | null
  readonly startedAtMs: number
  /** How many deliveries its seat held with it: what it waited for in the worker's hands. */
  readonly depth: number
  /** Whose message is acked when it is over; null: taken over from another process. */
  readonly entry: Entry | null
  readonly claim: Claim | null
  seat: Seat | null
  workerNo: number
  untilMs: number
  progress: Progress | null
  /** Cancelled under its worker: only occupies its seat until the worker says that it is over. */
  ghost: boolean
}

export function createSeat(
  id: string,
  request: ConsumeRequest,
  sink: DeliverySink,
  workerNo: number,
  connectedAtMs: number,
): { seat: Seat; ended: Promise<ConsumerEnd> } {
  const { promise: ended, resolve: end } = Promise.withResolvers<ConsumerEnd>()
  const { slots, prefetch } = request
  const seat: Seat = {
    id,
    request,
    sink,
    workerNo,
    connectedAtMs,
    end,
    slots,
    prefetch,
    credit: creditOf(slots, prefetch),
    held: 0,
    alone: false,
    leaving: false,
    lines: [],
    delivered: 0,
    settled: 0,
    gone: false,
    left: false,
  }
  return { seat, ended }
}
