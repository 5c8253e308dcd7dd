/** amqplib as its documentation has it: a confirm channel, persistent messages. */

import { connect } from 'amqplib'
import type { TaskClient } from './task-client.ts'

export const AMQPLIB_QUEUE = 'bench'

export async function openClient(address: string): Promise<TaskClient> {
  const connection = await connect(address)
  const channel = await connection.createConfirmChannel()
  await channel.assertQueue(AMQPLIB_QUEUE, { durable: true, arguments: { 'x-queue-type': 'quorum' } })
  const submit = (data: object) =>
    new Promise<void>((resolve, reject) => {
      const body = Buffer.from(JSON.stringify({ type: 'noop', data }))
      channel.sendToQueue(AMQPLIB_QUEUE, body, { persistent: true }, (error) =>
        error === null ? resolve() : reject(error),
      )
    })
  return {
    submit,
    submitMany: (data) => Promise.all(data.map(submit)),
    roundTrip: () => Promise.reject(new Error('a queue gives no result back')),
    close: () => connection.close(),
  }
}
