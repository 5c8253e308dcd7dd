/** A TCP proxy that keeps what passes through it: what somebody on the way can read. */

import { once } from 'node:events'
import net from 'node:net'
import { atEnd, type Scope } from './temporary.ts'

export interface Recording {
  readonly url: string
  /** Both ways, in the order of arrival. */
  text(): string
}

export async function openRecordingProxy(scope: Scope, port: number): Promise<Recording> {
  const pieces: Buffer[] = []
  const sockets = new Set<net.Socket>()
  const server = net.createServer((client) => {
    const upstream = net.connect(port, '127.0.0.1')
    for (const [from, to] of [
      [client, upstream],
      [upstream, client],
    ] as const) {
      sockets.add(from)
      from.on('data', (bytes: Buffer) => pieces.push(bytes))
      from.on('error', () => to.destroy())
      from.on('close', () => to.destroy())
      from.pipe(to)
    }
  })
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  atEnd(scope, () => {
    for (const socket of sockets) socket.destroy()
    server.close()
  })
  const { port: own } = server.address() as net.AddressInfo
  return { url: `chasqui://127.0.0.1:${own}`, text: () => Buffer.concat(pieces).toString('latin1') }
}
