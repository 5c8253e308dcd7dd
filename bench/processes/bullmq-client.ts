/** BullMQ as its documentation has it: a Queue to add to, QueueEvents for results (one listener; cheaper than waitUntilFinished). */

import { Queue, QueueEvents } from 'bullmq'
import { BULLMQ_QUEUE } from '../systems/bullmq-names.ts'
import type { TaskClient } from './task-client.ts'

export async function openClient(address: string): Promise<TaskClient> {
  const connection = { host: '127.0.0.1', port: Number(address), maxRetriesPerRequest: null }
  const queue = new Queue(BULLMQ_QUEUE, { connection, defaultJobOptions: { removeOnComplete: true } })
  await queue.waitUntilReady()
  let results: Promise<Results> | null = null
  return {
    submit: (data) => queue.add('noop', data),
    submitMany: (data) => queue.addBulk(data.map((one) => ({ name: 'noop', data: one }))),
    async roundTrip(data) {
      results ??= openResults(connection)
      const opened = await results
      const { id } = await queue.add('stamp', data)
      return Number(await opened.resultOf(id!))
    },
    async close() {
      await (await results)?.close()
      await queue.close()
    },
  }
}

interface Results {
  resultOf(id: string): Promise<string>
  close(): Promise<void>
}

async function openResults(connection: object): Promise<Results> {
  // From the beginning of the stream: by default it begins wherever the stream is when its first read arrives, and earlier ends are lost.
  const events = new QueueEvents(BULLMQ_QUEUE, { connection, lastEventId: '0' })
  await events.waitUntilReady()
  // A result may be here before the answer to its add.
  const here = new Map<string, string>()
  const waiting = new Map<string, (value: string) => void>()
  events.on('completed', ({ jobId, returnvalue }) => {
    const resolve = waiting.get(jobId)
    waiting.delete(jobId)
    if (resolve === undefined) here.set(jobId, String(returnvalue))
    else resolve(String(returnvalue))
  })
  return {
    resultOf(id) {
      const value = here.get(id)
      here.delete(id)
      if (value !== undefined) return Promise.resolve(value)
      return new Promise((resolve) => waiting.set(id, resolve))
    },
    close: () => events.close(),
  }
}
