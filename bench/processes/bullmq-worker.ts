/** A BullMQ worker process with the concurrency that was best for tasks that do nothing. */

import { Worker } from 'bullmq'
import { BULLMQ_QUEUE } from '../systems/bullmq-names.ts'
import { answer } from './answer.ts'
import { nowUs } from './task-client.ts'

const [port, concurrency] = process.argv.slice(2)
const connection = { host: '127.0.0.1', port: Number(port), maxRetriesPerRequest: null }
let settled = 0
const worker = new Worker(BULLMQ_QUEUE, async (job) => (job.name === 'stamp' ? nowUs() : null), {
  connection,
  concurrency: Number(concurrency),
  removeOnComplete: { count: 0 },
})
worker.on('completed', () => {
  settled++
})
worker.on('error', () => undefined)
await worker.waitUntilReady()

answer({ settled: () => settled }, () => worker.close(true))
