/**
 * A real distributor on the memory engine behind a fault proxy: connections can be broken in every way, and the distributor can be
 * stopped and started again while its engine (the truth) lives on.
 */

import type { TestContext } from 'node:test'
import { type Distributor, openDistributor } from '../../src/distributor/distributor.ts'
import type { Engine } from '../../src/engine/engine.ts'
import { type MemoryEngineOptions, openMemoryEngine } from '../../src/engine/memory/memory-engine.ts'
import {
  openRemoteEngine,
  type RemoteEngine,
  type RemoteEngineOptions,
} from '../../src/engine/remote/remote-engine.ts'
import { systemClock } from '../../src/task/clock.ts'
import { FaultProxy } from './fault-proxy.ts'
import { atEnd } from './temporary.ts'

export interface ShakyServerOptions extends MemoryEngineOptions {
  /** Replaces methods of the engine, as the distributor sees it. */
  readonly over?: Partial<Engine>
  readonly limits?: Parameters<typeof openDistributor>[0]['limits']
}

export class ShakyServer {
  readonly engine: Engine
  readonly proxy: FaultProxy
  readonly #seen: Engine
  readonly #limits: ShakyServerOptions['limits']
  #distributor: Distributor

  private constructor(
    engine: Engine,
    seen: Engine,
    distributor: Distributor,
    proxy: FaultProxy,
    limits: ShakyServerOptions['limits'],
  ) {
    this.engine = engine
    this.#seen = seen
    this.#distributor = distributor
    this.proxy = proxy
    this.#limits = limits
  }

  static async open(t: TestContext, options: ShakyServerOptions = {}): Promise<ShakyServer> {
    const { over = {}, limits, ...memory } = options
    const engine = openMemoryEngine(memory)
    // Private fields do not go through a prototype, so methods are replaced by a proxy.
    const seen = new Proxy(engine, {
      get: (target, name: keyof Engine) => {
        const own = over[name] ?? target[name]
        return typeof own === 'function' ? (own as () => unknown).bind(target) : own
      },
    })
    const distributor = await listen(seen, limits)
    const proxy = await FaultProxy.open({ port: distributor.port })
    const server = new ShakyServer(engine, seen, distributor, proxy, limits)
    atEnd(t, async () => {
      await proxy.close()
      await server.#distributor.close({ deadlineMs: 100 })
      await engine.close()
    })
    return server
  }

  /** Breaks every connection, half-said messages included. */
  break(): void {
    this.proxy.reset()
  }

  /** As after a crash: connections are reset, and the next distributor knows nothing of the ones before. */
  async restart(): Promise<void> {
    this.proxy.mode = 'refuse'
    this.proxy.reset()
    await this.#distributor.close({ deadlineMs: 0 })
    this.#distributor = await listen(this.#seen, this.#limits)
    this.proxy.retarget(this.#distributor.port)
    this.proxy.mode = 'up'
  }

  async openRemote(t: TestContext, options: Partial<RemoteEngineOptions> = {}): Promise<RemoteEngine> {
    const { link, ...rest } = options
    const engine = await openRemoteEngine({
      url: this.proxy.url,
      link: { reconnectMinMs: 5, reconnectMaxMs: 50, ...link },
      ...rest,
    })
    atEnd(t, () => engine.close())
    return engine
  }
}

function listen(engine: Engine, limits: ShakyServerOptions['limits']): Promise<Distributor> {
  return openDistributor({
    engine,
    host: '127.0.0.1',
    port: 0,
    log: { level: 'silent', event() {} },
    clock: systemClock,
    version: '0.0.0',
    ...(limits !== undefined && { limits }),
  })
}
