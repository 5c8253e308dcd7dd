/** A worker begins to take tasks of this process, changes how many, and leaves. */

import type { ConsumeRequest, Consumer, DeliverySink } from '../engine.ts'
import { consumerOf } from '../seat-ring.ts'
import type { Core } from './core.ts'
import type { Membership } from './membership.ts'
import { createSeat } from './seat.ts'

export interface SeatingHooks {
  /** Credit has changed. */
  wake(): void
  /** Its leases may end now, and its lanes may be nobody's. */
  left(): void
}

export async function openConsumer(
  core: Core,
  membership: Membership,
  request: ConsumeRequest,
  sink: DeliverySink,
  hooks: SeatingHooks,
): Promise<Consumer> {
  const workerNo = await membership.workerNo(request.worker)
  const id = `${core.member}-${core.newSeatNo()}`
  const { seat, ended } = createSeat(id, request, sink, workerNo, core.nowMs())
  core.ring.add(seat, core.windows.values(), ({ lane }) => lane)
  hooks.wake()
  return consumerOf(seat, ended, {
    wake: hooks.wake,
    leave: (lost) => {
      core.dismiss(seat, lost)
      seat.end({ reason: 'stopped' })
      hooks.left()
    },
  })
}
