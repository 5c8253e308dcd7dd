/** `session.hello`: who is there; `session.ping`: whether to send more. */

import { BATCH_ENTRIES_MAX, JSON_DEPTH_MAX, WAIT_MS_MAX } from '../../task/limits.ts'
import { isObject, type Params } from '../../wire/messages.ts'
import { PROTOCOL_VERSION } from '../../wire/protocol/session.ts'
import type { ClientIdentity } from '../../wire/query-codec.ts'
import type { CommandContext } from '../command.ts'

export function hello(context: CommandContext, params: Params): string {
  if (typeof params.token === 'string') context.login(params.token)
  context.greet(readClient(params.client))
  const { engine, durability, limits, version } = context
  return JSON.stringify({
    server: { name: 'chasqui', version },
    protocol: PROTOCOL_VERSION,
    session: context.id,
    identity: context.identity.name,
    limits: {
      frameBytes: limits.frameBytesMax,
      jsonDepth: JSON_DEPTH_MAX,
      batchEntries: BATCH_ENTRIES_MAX,
      requestsInFlight: limits.requestsInFlightMax,
      waits: limits.waitsMax,
      watches: limits.watchesMax,
      waitMs: WAIT_MS_MAX,
    },
    engine: engine.kind,
    durability,
  })
}

export function ping(context: CommandContext): string {
  return JSON.stringify({ ready: context.serverReport().ready, peer: context.peer })
}

/** Only what is known: the rest is the peer's own business, and nothing that it can make the server keep. */
function readClient(client: unknown): ClientIdentity | null {
  if (typeof client === 'string') return { name: client }
  if (!isObject(client)) return null
  const { name = 'unnamed', version, pid, host, worker } = client as Partial<ClientIdentity>
  return {
    name,
    ...(version === undefined ? {} : { version }),
    ...(pid === undefined ? {} : { pid }),
    ...(host === undefined ? {} : { host }),
    ...(worker === undefined ? {} : { worker: { id: worker.id, pid: worker.pid, host: worker.host } }),
  }
}
