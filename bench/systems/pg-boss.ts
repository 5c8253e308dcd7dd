/** pg-boss 12 on a PostgreSQL of our own, with a batch size that suits tasks that do nothing and the shortest polling that it allows. */

import { newDatabase } from './cluster-servers.ts'
import { startPeer } from './peer.ts'
import type { System } from './system.ts'

export const pgBoss: System = {
  name: 'pg-boss',
  durable: 'before the confirmation, in PostgreSQL',
  drainTasks: 30_000,
  bulkTasks: 60_000,
  bulkChunk: 1_000,
  bulkCalls: 1,
  start: async (context) => startPeer('pg-boss', await newDatabase(), context),
}
