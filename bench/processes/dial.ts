/** New connections to a distributor, one after the other: dial, say hello, hear the answer, leave. With TLS, each in full or with the session of the one before. */

import { once } from 'node:events'
import net from 'node:net'
import { connect as connectTls } from 'node:tls'
import { percentile } from '../statistics.ts'

export interface Locks {
  readonly token?: string
  readonly tls?: { readonly ca: string }
}

export interface DialReport {
  readonly count: number
  readonly tookMs: number
  readonly p50Ms: number
  /** How many of them took up the session of an older one. */
  readonly resumed: number
}

export async function dial(
  address: string,
  { token, tls }: Locks,
  resume: boolean,
  forMs: number,
): Promise<DialReport> {
  const { hostname: host, port } = new URL(address.replace(/^chasquis?:/, 'http:'))
  const hello = `${JSON.stringify({ jsonrpc: '2.0', id: 1, method: 'session.hello', params: token === undefined ? {} : { token } })}\n`
  const times: number[] = []
  let session: Buffer | undefined
  let resumed = 0
  const startedMs = performance.now()
  while (performance.now() - startedMs < forMs) {
    const dialedMs = performance.now()
    const place = { host, port: Number(port) }
    const socket =
      tls === undefined
        ? net.connect({ ...place, noDelay: true })
        : connectTls({ ...place, ca: tls.ca, ...(resume && session !== undefined && { session }) })
    socket.on('session', (ticket: Buffer) => {
      session = ticket
    })
    socket.write(hello)
    const [answer] = (await once(socket, 'data')) as [Buffer]
    if (!answer.includes('"result"')) throw new Error(`no welcome: ${answer}`)
    times.push(performance.now() - dialedMs)
    if ('isSessionReused' in socket && socket.isSessionReused()) resumed++
    socket.end()
    await once(socket, 'close')
  }
  const all = Float64Array.from(times)
  return { count: all.length, tookMs: performance.now() - startedMs, p50Ms: percentile(all, 0.5), resumed }
}
