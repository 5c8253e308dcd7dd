/** Who takes tasks of the embedded engine: a seat for each consumer, served in turn. */

import { mustRunAlone } from '../budget.ts'
import type { ConsumeRequest, ConsumerEnd, Delivery, DeliverySink } from '../engine.ts'
import { creditOf, SeatRing } from '../seat-ring.ts'
import type { Entry, Holder } from './entry.ts'
import type { Line } from './lanes.ts'

export interface Seat extends Holder {
  readonly id: string
  readonly request: ConsumeRequest
  readonly connectedAtMs: number
  slots: number
  prefetch: number
  credit: number
  delivered: number
  /** What it holds must run alone. */
  alone: boolean
  leaving: boolean
  /** The lines whose tasks it may take. */
  readonly lines: Line[]
  /** This turn's picks, and what is handed over of them after the commit. */
  picks: Entry[]
  deliveries: Delivery[]
  readonly end: (end: ConsumerEnd) => void
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
    slots,
    prefetch,
    credit: creditOf(slots, prefetch),
    held: 0,
    delivered: 0,
    settled: 0,
    gone: false,
    alone: false,
    leaving: false,
    lines: [],
    picks: [],
    deliveries: [],
    end,
  }
  return { seat, ended }
}

export class Roster extends SeatRing<Entry, Line, Seat> {
  constructor() {
    super(mustRunAlone)
  }
}
