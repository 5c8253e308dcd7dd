/**
 * When nothing is under way any more: what the conformance suite waits for before it looks at what did not happen. It asks the broker too, so it is
 * true only where this engine is the only one on its queues.
 */

import type { Core } from './core.ts'
import type { Intake } from './intake.ts'
import type { Publisher } from './publisher.ts'

/** Looks in a row that must find nothing. */
const QUIET_LOOKS = 3

/** Resolves when nothing is busy, and RabbitMQ has nothing for this engine that it would take. */
export async function stillness(
  core: Core,
  publisher: Publisher,
  intake: Intake,
  busy: readonly (() => boolean)[],
): Promise<void> {
  for (let quiet = 0; quiet < QUIET_LOOKS; ) {
    await new Promise<void>((resolve) => setImmediate(resolve))
    const isBusy = busy.some((one) => one()) || (await hasHintsToCome(core, publisher, intake))
    quiet = isBusy ? 0 : quiet + 1
  }
}

/** RabbitMQ has some, or has sent some that are not here yet: it says of a message that is on its way that it is not ready any more. */
async function hasHintsToCome(core: Core, publisher: Publisher, intake: Intake): Promise<boolean> {
  for (const { lane, window, prefetch, received } of intake.subscribed) {
    const hasRoom = core.ring.seats.some((seat) => seat.lines.includes(window) && seat.held < seat.credit)
    if (window.size >= prefetch || !hasRoom) continue
    const look = await core.broker.look(lane.amqpQueue).catch(() => null)
    if (look === null) continue
    if (look.ready > 0 || publisher.publishedTo(lane) - look.ready > received) return true
  }
  return false
}
