/**
 * Celery 5 (Debian's) on the same RabbitMQ, made as safe as it can be: publisher confirms, acks after the run, a durable queue. It cannot use quorum
 * queues (5.2 sets a global prefetch), and results are not recorded, which would cost it more.
 */

import { newVirtualHost } from './cluster-servers.ts'
import { startPeer } from './peer.ts'
import type { System } from './system.ts'

export const celery: System = {
  name: 'Celery',
  durable: 'before the confirmation, in RabbitMQ',
  drainTasks: 8_000,
  bulkTasks: 8_000,
  bulkChunk: 100,
  bulkCalls: 2,
  start: async (context) => startPeer('celery', await newVirtualHost(), context),
}
