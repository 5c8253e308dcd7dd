/** The engines that keep tasks, for what must hold on each of them: opened on a store of its own, and opened again on the same. */

import type { TestContext } from 'node:test'
import { openClusterEngine } from '../../../src/engine/cluster/open-cluster-engine.ts'
import { openEmbeddedEngine } from '../../../src/engine/embedded/embedded-engine.ts'
import type { Engine } from '../../../src/engine/engine.ts'
import { openMemoryEngine } from '../../../src/engine/memory/memory-engine.ts'
import type { Clock } from '../../../src/task/clock.ts'
import { openBed } from '../../support/bed.ts'
import { fileScope } from '../../support/file-scope.ts'
import { needPostgreSql, needRabbitMq } from '../../support/real-parts.ts'
import { temporaryFolder } from '../../support/temporary.ts'

export interface OpenOptions {
  readonly retentionMs?: number
  /** Heeded by the memory engine only; the others have the time of the machine. */
  readonly clock?: Clock
}

export interface Kind {
  readonly kind: string
  /** What its receipts say. */
  readonly durability: string
  readonly skip: string | false
  /** An empty store; what it answers opens an engine on it, whoever asked closes that. */
  store(t: TestContext): Promise<(options?: OpenOptions) => Promise<Engine>>
}

const skip = [needPostgreSql(), needRabbitMq()].find((need) => need.skip !== false)?.skip ?? false
const files = fileScope()

export const KINDS: readonly Kind[] = [
  {
    kind: 'memory',
    durability: 'memory',
    skip: false,
    store: async () => async (options) => openMemoryEngine(options),
  },
  {
    kind: 'embedded',
    durability: 'disk',
    skip: false,
    async store(t) {
      const dir = temporaryFolder(t, 'store')
      return ({ retentionMs } = {}) =>
        openEmbeddedEngine({ dir, ...(retentionMs !== undefined && { retentionMs }) })
    },
  },
  {
    kind: 'cluster',
    durability: 'disk',
    skip,
    async store() {
      const bed = await openBed(files)
      const [databaseUrl, amqpUrl] = await Promise.all([bed.database(), bed.amqp()])
      return ({ retentionMs } = {}) =>
        openClusterEngine({
          databaseUrl,
          amqpUrls: [amqpUrl],
          ...(retentionMs !== undefined && { retentionMs }),
        })
    },
  },
]
