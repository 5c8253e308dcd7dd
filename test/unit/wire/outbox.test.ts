/** The outbox on real sockets: what is written when, and what it says about a reader that does not read. */

import assert from 'node:assert/strict'
import { once } from 'node:events'
import net from 'node:net'
import { test } from 'node:test'
import { Outbox } from '../../../src/wire/outbox.ts'

async function openPair(t: {
  after(call: () => void): void
}): Promise<{ near: net.Socket; far: net.Socket }> {
  const server = net.createServer()
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  const near = net.connect((server.address() as net.AddressInfo).port, '127.0.0.1')
  const [far] = (await once(server, 'connection')) as [net.Socket]
  if (near.connecting) await once(near, 'connect')
  t.after(() => {
    near.destroy()
    far.destroy()
    server.close()
  })
  return { near, far }
}

function countWrites(socket: net.Socket): { count: number } {
  const writes = { count: 0 }
  const write = socket.write.bind(socket)
  socket.write = ((...parts: Parameters<typeof write>) => {
    writes.count++
    return write(...parts)
  }) as typeof socket.write
  return writes
}

const turn = () => new Promise<void>((resolve) => setImmediate(resolve))

function read(socket: net.Socket, bytes: number): Promise<string> {
  return new Promise((resolve) => {
    const chunks: Buffer[] = []
    let length = 0
    const take = (chunk: Buffer): void => {
      chunks.push(chunk)
      length += chunk.length
      if (length < bytes) return
      socket.off('data', take)
      resolve(Buffer.concat(chunks).toString('utf8'))
    }
    socket.on('data', take)
  })
}

test('the lines of one turn leave in order and in one write', async (t) => {
  const { near, far } = await openPair(t)
  const writes = countWrites(near)
  const outbox = new Outbox(near, { bytesMax: 1_000 })
  outbox.send('one')
  outbox.send('dós')
  assert.equal(writes.count, 0)
  assert.equal(await read(far, 9), 'one\ndós\n')
  assert.equal(writes.count, 1)
})

test('flush writes at once, and the end of the turn then writes nothing more', async (t) => {
  const { near, far } = await openPair(t)
  const writes = countWrites(near)
  const outbox = new Outbox(near, { bytesMax: 1_000 })
  outbox.send('now')
  outbox.flush()
  assert.equal(writes.count, 1)
  await turn()
  assert.equal(writes.count, 1)
  assert.equal(await read(far, 4), 'now\n')
  outbox.send('then')
  assert.equal(await read(far, 5), 'then\n')
  assert.equal(writes.count, 2)
})

test('a reader that does not read makes it congested once, and reading ends that once', async (t) => {
  const { near, far } = await openPair(t)
  const seen: string[] = []
  let drained: () => void = () => {}
  const done = new Promise<void>((resolve) => {
    drained = resolve
  })
  const bytesMax = 64 * 1024
  const outbox = new Outbox(near, {
    bytesMax,
    onCongested: () => seen.push('congested'),
    onDrained: () => {
      assert.ok(outbox.bytesWaiting <= bytesMax / 2)
      seen.push('drained')
      drained()
    },
  })
  far.pause()
  const line = 'x'.repeat(32 * 1024 - 1)
  let sent = 0
  // Until the kernel's buffers are full and the limit is passed.
  while (!outbox.congested || near.writableLength <= bytesMax) {
    outbox.send(line)
    sent++
    outbox.flush()
    await turn()
  }
  outbox.send(line)
  sent++
  assert.deepEqual(seen, ['congested'])
  assert.ok(outbox.bytesWaiting > bytesMax)
  const reading = read(far, sent * 32 * 1024)
  far.resume()
  const text = await reading
  assert.equal(text.length, sent * 32 * 1024)
  await done
  assert.deepEqual(seen, ['congested', 'drained'])
  assert.equal(outbox.congested, false)
})

test('one turn that says more than the limit is congested and drains again without another send', async (t) => {
  const { near, far } = await openPair(t)
  far.resume()
  await new Promise<void>((resolve) => {
    const outbox = new Outbox(near, { bytesMax: 100, onDrained: resolve })
    outbox.send('y'.repeat(200))
    assert.equal(outbox.congested, true)
  })
  await new Promise<void>((resolve) => {
    const outbox = new Outbox(near, { bytesMax: 100, onDrained: resolve })
    // Longer than one write may be, so that it leaves from within send.
    outbox.send('z'.repeat(2 * 1024 * 1024))
    assert.equal(outbox.congested, true)
  })
})

test('end says what is left first, and later lines go nowhere', async (t) => {
  const { near, far } = await openPair(t)
  const outbox = new Outbox(near, { bytesMax: 1_000 })
  outbox.send('last words')
  outbox.end()
  outbox.send('too late')
  const ended = once(far, 'end')
  assert.equal(await read(far, 11), 'last words\n')
  await ended
  near.destroy()
  outbox.send('gone')
  outbox.flush()
})
