/** A consumer with the prefetch that was best for tasks that do nothing. */

import { connect } from 'amqplib'
import { AMQPLIB_QUEUE } from './amqplib-client.ts'
import { answer } from './answer.ts'

const PREFETCH = 256

const connection = await connect(process.argv[2]!)
const channel = await connection.createChannel()
await channel.assertQueue(AMQPLIB_QUEUE, { durable: true, arguments: { 'x-queue-type': 'quorum' } })
await channel.prefetch(PREFETCH)
let settled = 0
await channel.consume(AMQPLIB_QUEUE, (message) => {
  JSON.parse(message!.content.toString())
  channel.ack(message!)
  settled++
})

answer({ settled: () => settled }, () => connection.close())
