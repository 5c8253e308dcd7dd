/** A real distributor on a free port over the memory engine, for tests that talk to it byte by byte. */

import type { TestContext } from 'node:test'
import type { Access } from '../../src/distributor/access/access.ts'
import type { Audit } from '../../src/distributor/access/audit.ts'
import { type Distributor, openDistributor } from '../../src/distributor/distributor.ts'
import type { DistributorLimits } from '../../src/distributor/limits.ts'
import type { ProxyPolicy } from '../../src/distributor/reception.ts'
import type { Engine } from '../../src/engine/engine.ts'
import { type MemoryEngineOptions, openMemoryEngine } from '../../src/engine/memory/memory-engine.ts'
import { type Clock, systemClock } from '../../src/task/clock.ts'
import { type LogThreshold, openLog } from '../../src/telemetry/log.ts'
import type { ServerTls } from '../../src/wire/tls-policy.ts'
import { connectWire, type WireClient } from './wire-client.ts'

const CLOSE_DEADLINE_MS = 5_000

export interface WireServer {
  readonly engine: Engine
  readonly distributor: Distributor
  readonly port: number
  /** What was logged so far, parsed. */
  readonly logged: readonly LoggedLine[]
  /** A connection that is closed when the test ends. */
  connect(localAddress?: string): Promise<WireClient>
}

export interface LoggedLine {
  readonly event: string
  readonly level: string
  readonly msg: string
  readonly [field: string]: unknown
}

export interface WireServerOptions {
  readonly limits?: Partial<DistributorLimits>
  readonly proxy?: ProxyPolicy
  /** Instead of a new memory engine. Not closed here. */
  readonly engine?: Engine
  readonly memory?: MemoryEngineOptions
  readonly logLevel?: LogThreshold
  readonly tls?: ServerTls
  readonly access?: Access
  readonly audit?: Audit
  readonly clock?: Clock
}

export async function openWireServer(
  context: TestContext,
  {
    limits = {},
    proxy,
    tls,
    access,
    audit,
    clock = systemClock,
    engine,
    memory = {},
    logLevel = 'debug',
  }: WireServerOptions = {},
): Promise<WireServer> {
  const logged: LoggedLine[] = []
  const own = engine ?? openMemoryEngine(memory)
  const distributor = await openDistributor({
    engine: own,
    host: '127.0.0.1',
    port: 0,
    limits,
    ...(proxy !== undefined && { proxy }),
    ...(tls !== undefined && { tls }),
    ...(access !== undefined && { access }),
    ...(audit !== undefined && { audit }),
    clock,
    version: '1.2.3',
    log: openLog({
      level: logLevel,
      format: 'json',
      out: { write: (line) => logged.push(JSON.parse(line)) },
    }),
  })
  const clients = new Set<WireClient>()
  context.after(async () => {
    for (const client of clients) client.destroy()
    await distributor.close({ deadlineMs: CLOSE_DEADLINE_MS })
    if (engine === undefined) await own.close()
  })
  return {
    engine: own,
    distributor,
    port: distributor.port,
    logged,
    async connect(localAddress) {
      const client = await connectWire(distributor.port, localAddress)
      clients.add(client)
      // Hundreds of thousands come and go in some tests.
      client.socket.once('close', () => clients.delete(client))
      return client
    },
  }
}
