/** The role of a distributor: an engine with a TCP face, until it is told to stop. */

import { openDistributor } from '../distributor/distributor.ts'
import { systemClock } from '../task/clock.ts'
import { DRAIN_ANSWERS_MS } from '../task/limits.ts'
import { type Address, addressText } from '../wire/address.ts'
import { openEngine } from './composition.ts'
import type { Role } from './role.ts'
import { VERSION } from './version.ts'

/** Resolves with the exit code, after everything is closed. */
export async function runDistributor(role: Role): Promise<number> {
  const server = await openServer(role)
  role.onReady({
    role: 'distributor',
    address: `chasqui://${addressText(server.address)}`,
    engine: role.settings.engine,
  })
  await role.stop.drain
  return await Promise.race([server.close().then(() => 0), role.stop.now])
}

export interface Server {
  readonly address: Address
  close(): Promise<void>
}

/** Engine and distributor as one thing. @throws ChasquiError, one sentence */
export async function openServer({ settings, log }: Pick<Role, 'settings' | 'log'>): Promise<Server> {
  const opened = await openEngine(settings, log)
  try {
    const distributor = await openDistributor({
      engine: opened.engine,
      host: settings.host,
      port: settings.port,
      version: VERSION,
      clock: systemClock,
      log,
      limits: {
        frameBytesMax: settings.frameMaxBytes,
        connectionsMax: settings.connectionsMax,
        messageStallMs: settings.messageStallMs,
        outboxBytesMax: settings.outboxMaxBytes,
        slowReaderMs: settings.slowReaderMs,
        leaseMs: settings.leaseMs,
      },
    })
    return {
      address: { host: distributor.address, port: distributor.port },
      async close() {
        await distributor.close({ deadlineMs: DRAIN_ANSWERS_MS })
        await opened.close()
      },
    }
  } catch (error) {
    await opened.close()
    throw error
  }
}
