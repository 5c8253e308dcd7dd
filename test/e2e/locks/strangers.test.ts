/** What strangers cost a distributor that runs as it is installed: dripping, flooding and giant ones, while its memory is watched and a client that is known goes on. */

import assert from 'node:assert/strict'
import net from 'node:net'
import { join } from 'node:path'
import { type TestContext, test } from 'node:test'
import { connect } from '../../../src/client/connect.ts'
import { STRANGER_FRAME_BYTES_MAX, STRANGERS_PER_ADDRESS_MAX } from '../../../src/task/limits.ts'
import { eventually } from '../../support/eventually.ts'
import { rssBytesOf } from '../../support/memory.ts'
import { temporaryFolder } from '../../support/temporary.ts'
import { chasquiJson, startServer } from '../cli/chasqui.ts'

/** What the collector leaves lying about while much is thrown away; what is thrown away is many times as much. */
const GROWTH_MAX_BYTES = 160 * 1024 * 1024
const DEADLINE_MS = 90_000
const skip = process.platform !== 'linux' && 'needs /proc and all of 127.0.0.0/8'

class Stranger {
  readonly socket: net.Socket
  text = ''
  isClosed = false

  constructor(port: number, localAddress: string) {
    this.socket = net.connect({ port, host: '127.0.0.1', localAddress, noDelay: true })
    this.socket.setEncoding('utf8').on('data', (text: string) => {
      this.text += text
    })
    // Cut off in the middle of what it says.
    this.socket
      .on('error', () => {})
      .once('close', () => {
        this.isClosed = true
      })
  }
}

async function openServer(t: TestContext) {
  const tokens = join(temporaryFolder(t, 'strangers'), 'tokens.json')
  const [made] = await chasquiJson<{ token: string }>([
    'token',
    'create',
    'root',
    '--roles',
    'admin',
    '--tokens',
    tokens,
  ])
  const server = await startServer(t, [
    'distributor',
    '--engine',
    'memory',
    '--http',
    'off',
    '--tokens',
    tokens,
  ])
  const port = Number(server.address.split(':').at(-1))
  const known = await connect(server.address, { token: made!.token })
  const strangers: Stranger[] = []
  t.after(async () => {
    for (const { socket } of strangers) socket.destroy()
    await known.close()
  })
  await known.submit('x', 1)
  const before = rssBytesOf(server.pid)!
  let most = before
  return {
    port,
    come: (localAddress: string) => {
      const stranger = new Stranger(port, localAddress)
      strangers.push(stranger)
      return stranger
    },
    /** The known client is served, and the memory is looked at. */
    async look() {
      await known.submit('x', 1)
      most = Math.max(most, rssBytesOf(server.pid)!)
    },
    assertBounded(context: TestContext) {
      context.diagnostic(`RSS ${Math.round(before / 2 ** 20)} MiB, at most ${Math.round(most / 2 ** 20)} MiB`)
      assert.ok(most - before < GROWTH_MAX_BYTES, `memory has grown by ${most - before} bytes`)
    },
  }
}

const address = (n: number) => `127.1.${n % 250}.${1 + Math.floor(n / 250)}`

test('five hundred strangers who drip a hello are gone after their time, and cost little until then', {
  skip,
}, async (t) => {
  const server = await openServer(t)
  const slow = Array.from({ length: 500 }, (_, n) => server.come(address(n)))
  const text = '{"jsonrpc":"2.0","id":1,"method":"session.hello","params":{"client":"'
  for (let at = 0; slow.some(({ isClosed }) => !isClosed); at++) {
    for (const { socket } of slow) if (socket.writable) socket.write(text[at] ?? 'x')
    await server.look()
    await new Promise((resolve) => setTimeout(resolve, 100))
    assert.ok(at < DEADLINE_MS / 100, 'some are still there')
  }
  for (const stranger of slow) assert.match(stranger.text, /UNAUTHENTICATED/)
  server.assertBounded(t)
})

test('giant messages of strangers, 1.2 GB of them, are cut off after a few kilobytes', {
  skip,
}, async (t) => {
  const server = await openServer(t)
  const giant = Buffer.alloc(8 * 1024 * 1024, 'x')
  for (let round = 0; round < 6; round++) {
    const strangers = Array.from({ length: 25 }, (_, n) => server.come(address(25 * round + n)))
    for (const { socket } of strangers) {
      socket.write('{"jsonrpc":"2.0","id":1,"method":"session.hello","params":{"client":"')
      socket.write(giant)
    }
    await server.look()
    await eventually('all are cut off', () => strangers.every(({ isClosed }) => isClosed), DEADLINE_MS)
    const told = strangers.filter(({ text }) => text.includes('FRAME_TOO_LARGE'))
    // What was under way may reset a connection before it has read why.
    assert.ok(told.length > 0 && STRANGER_FRAME_BYTES_MAX < giant.length)
    await server.look()
  }
  server.assertBounded(t)
})

test('a flood of connections of one address holds a few, and nobody else notices', { skip }, async (t) => {
  const server = await openServer(t)
  let refused = 0
  for (let round = 0; round < 10; round++) {
    const flood = Array.from({ length: 300 }, () => server.come('127.0.0.9'))
    await eventually(
      'the others are sent away',
      () => flood.filter(({ isClosed }) => isClosed).length >= 300 - STRANGERS_PER_ADDRESS_MAX,
      DEADLINE_MS,
    )
    refused += flood.filter(({ text }) => text.includes('TOO_MANY_CONNECTIONS')).length
    await server.look()
    const neighbour = server.come(address(round))
    neighbour.socket.write('{"jsonrpc":"2.0","id":1,"method":"session.ping"}\n')
    await eventually('a neighbour is answered', () => neighbour.text.includes('"result"'), DEADLINE_MS)
  }
  assert.ok(refused > 10 * (300 - STRANGERS_PER_ADDRESS_MAX) * 0.9, `${refused} were told`)
  server.assertBounded(t)
})
