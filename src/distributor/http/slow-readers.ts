/**
 * Responses that nobody reads: whoever takes nothing for the time that a slow reader has on the wire is let go, so that what waits for him is bounded in time.
 */

import type { ServerResponse } from 'node:http'
import type { Clock } from '../../task/clock.ts'

/** From now on the response must make progress until it is over. */
export function watchReader(response: ServerResponse, clock: Clock, slowReaderMs: number): void {
  const { socket } = response
  if (socket === null) return
  let seenBytes = taken()
  const look = () => {
    if (response.writableFinished || socket.destroyed) return
    const now = taken()
    if (response.writableLength > 0 && now === seenBytes) socket.destroy()
    else {
      seenBytes = now
      timer = plan()
    }
  }
  const plan = () => clock.at(clock.nowMs() + slowReaderMs, look)
  let timer = plan()
  response.once('close', () => timer.cancel())

  /** What the peer's kernel took of what was handed over. */
  function taken(): number {
    return (socket?.bytesWritten ?? 0) - (socket?.writableLength ?? 0)
  }
}
