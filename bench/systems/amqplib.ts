/** RabbitMQ as it is, through amqplib: a quorum queue, a message a task, publisher confirms, an ack each. No state, no result, no second look. */

import { newVirtualHost } from './cluster-servers.ts'
import { startPeer } from './peer.ts'
import type { System } from './system.ts'

export const amqplib: System = {
  name: 'amqplib',
  durable: 'before the confirmation, in RabbitMQ',
  drainTasks: 60_000,
  bulkTasks: 60_000,
  bulkChunk: 1_000,
  bulkCalls: 4,
  start: async (context) => startPeer('amqplib', await newVirtualHost(), context),
}
