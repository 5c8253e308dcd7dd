import assert from 'node:assert/strict'
import { once } from 'node:events'
import net from 'node:net'
import { test } from 'node:test'
import { setImmediate } from 'node:timers/promises'
import type { ChannelModel } from 'amqplib'
import { writeOnceATurn } from '../../../../src/engine/cluster/broker/writes.ts'
import { atEnd } from '../../../support/temporary.ts'

test('what a turn writes leaves in one write, in order, and the end still ends', async (context) => {
  const server = net.createServer().listen(0, '127.0.0.1')
  atEnd(context, () => server.close())
  await once(server, 'listening')
  const stream = net.connect((server.address() as net.AddressInfo).port, '127.0.0.1')
  const [peer] = (await once(server, 'connection')) as [net.Socket]
  await once(stream, 'connect')
  let writes = 0
  for (const method of ['_write', '_writev'] as const) {
    const original = stream[method]! as (...written: unknown[]) => void
    stream[method] = (...written: unknown[]) => {
      writes++
      original.apply(stream, written)
    }
  }
  writeOnceATurn({ connection: { stream } } as unknown as ChannelModel)
  for (let number = 0; number < 100; number++) stream.write(`${number},`)
  await setImmediate()
  assert.equal(writes, 1)
  stream.write('last')
  stream.end()
  const heard = (await peer.toArray()).join('')
  assert.equal(heard, `${Array.from({ length: 100 }, (_, number) => `${number},`).join('')}last`)
  assert.equal(writes, 2)
})
