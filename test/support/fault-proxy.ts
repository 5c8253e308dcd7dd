/**
 * A TCP proxy that can be made to misbehave while it runs: refuse, swallow (both ways or one), delay, cut in the middle of a
 * message, reset. It acts on streams, not on packets.
 */

import { once } from 'node:events'
import net from 'node:net'
import { setTimeout as delay } from 'node:timers/promises'

/**
 * `blackhole-up`: what clients say is swallowed; `blackhole-down`: what the server says. Swallowed is held back, and comes when the mode ends.
 * `half-open`: swallowed both ways, and an end of one side is never told to the other, as when a machine vanishes.
 */
export type FaultMode = 'up' | 'refuse' | 'blackhole' | 'blackhole-up' | 'blackhole-down' | 'half-open'

export class FaultProxy {
  mode: FaultMode = 'up'
  /** Added to each piece, each way. */
  latencyMs = 0
  /** After this many more bytes, both ways together, the piece under way is cut in half and everything is reset. */
  cutAfterBytes = Number.POSITIVE_INFINITY
  /** Bytes and connections that have passed. */
  bytes = 0
  connections = 0
  readonly #target: { readonly host: string; readonly port: number }
  readonly #server: net.Server
  readonly #sockets = new Set<net.Socket>()

  private constructor(target: { readonly host: string; readonly port: number }) {
    this.#target = target
    this.#server = net.createServer({ allowHalfOpen: true }, (client) => this.#accept(client))
  }

  static async open(target: { readonly host?: string; readonly port: number }): Promise<FaultProxy> {
    const proxy = new FaultProxy({ host: '127.0.0.1', ...target })
    proxy.#server.listen(0, '127.0.0.1')
    await once(proxy.#server, 'listening')
    return proxy
  }

  get port(): number {
    return (this.#server.address() as net.AddressInfo).port
  }

  get url(): string {
    return `chasqui://127.0.0.1:${this.port}`
  }

  /** Where connections made from now on lead. */
  retarget(port: number): void {
    ;(this.#target as { port: number }).port = port
  }

  /** Resets every connection (RST). */
  reset(): void {
    for (const socket of this.#sockets) socket.resetAndDestroy()
  }

  async close(): Promise<void> {
    this.reset()
    await new Promise((resolve) => this.#server.close(resolve))
  }

  #accept(client: net.Socket): void {
    this.connections++
    if (this.mode === 'refuse') {
      client.resetAndDestroy()
      return
    }
    this.#hold(client)
    if (this.mode === 'blackhole' || this.mode === 'half-open') return
    const server = this.#hold(net.connect({ ...this.#target, allowHalfOpen: true }))
    client.on('close', () => this.#end(server))
    server.on('close', () => this.#end(client))
    void this.#pipe(client, server, 'blackhole-up')
    void this.#pipe(server, client, 'blackhole-down')
  }

  #end(other: net.Socket): void {
    if (this.mode !== 'half-open') other.destroy()
  }

  #hold(socket: net.Socket): net.Socket {
    this.#sockets.add(socket)
    // An error is followed by close, which is what matters here.
    return socket.on('close', () => this.#sockets.delete(socket)).on('error', () => {})
  }

  async #pipe(from: net.Socket, to: net.Socket, swallowing: FaultMode): Promise<void> {
    try {
      for await (const chunk of from as AsyncIterable<Buffer>) {
        while (this.#swallows(swallowing) && !from.destroyed) await delay(5)
        if (this.mode === 'half-open') return
        if (this.latencyMs > 0) await delay(this.latencyMs)
        this.bytes += chunk.length
        this.cutAfterBytes -= chunk.length
        if (this.cutAfterBytes <= 0) {
          this.cutAfterBytes = Number.POSITIVE_INFINITY
          to.write(chunk.subarray(0, chunk.length >> 1), () => this.reset())
          return
        }
        if (!to.write(chunk)) await Promise.race([once(to, 'drain'), once(to, 'close')])
      }
      if (this.mode !== 'half-open') to.end()
    } catch {
      this.#end(to)
    }
  }

  #swallows(direction: FaultMode): boolean {
    return this.mode === 'blackhole' || this.mode === 'half-open' || this.mode === direction
  }
}
