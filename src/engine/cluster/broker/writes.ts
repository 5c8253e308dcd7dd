/**
 * One write to the socket for all that a turn of the loop sends. amqplib writes each message on its own, which costs a system call apiece.
 *
 * The socket is no public part of amqplib (its version is pinned); without it everything works, slower.
 */

import type { Socket } from 'node:net'
import type { ChannelModel } from 'amqplib'

export function writeOnceATurn(model: ChannelModel): void {
  const { stream } = model.connection as { stream?: Socket }
  if (stream === undefined) return
  const write = stream.write
  let isHeld = false
  stream.write = ((...written: Parameters<typeof write>) => {
    if (!isHeld) {
      isHeld = true
      stream.cork()
      process.nextTick(() => {
        isHeld = false
        stream.uncork()
      })
    }
    return write.apply(stream, written)
  }) as typeof write
}
