/** The link against a small real server that can be told how to behave, and through a proxy that can be told how to fail. */

import assert from 'node:assert/strict'
import { once } from 'node:events'
import net from 'node:net'
import { type TestContext, test } from 'node:test'
import { VirtualClock } from '../../../src/task/clock.ts'
import { ChasquiError } from '../../../src/task/errors.ts'
import { parseServerUrl } from '../../../src/wire/address.ts'
import { LineReader } from '../../../src/wire/line-reader.ts'
import { type Link, type LinkOptions, openLink } from '../../../src/wire/link.ts'
import { errorReplyText, notificationText, replyText } from '../../../src/wire/messages.ts'
import { FaultProxy } from '../../support/fault-proxy.ts'

interface Heard {
  readonly id: number | string
  readonly method: string
  readonly params: Record<string, unknown>
}

/** Answers hello and pings by itself; everything else is handed to `answer`. */
class SmallServer {
  readonly heard: Heard[] = []
  readonly sockets = new Set<net.Socket>()
  hellos = 0
  helloError: ChasquiError | null = null
  answer: (message: Heard, socket: net.Socket) => void = (message, socket) =>
    this.reply(socket, message, { echo: message.params })
  readonly #server = net.createServer((socket) => this.#serve(socket))

  static async open(t: TestContext): Promise<SmallServer> {
    const server = new SmallServer()
    await server.listen(0)
    t.after(() => server.close())
    return server
  }

  async listen(port: number): Promise<void> {
    this.#server.listen(port, '127.0.0.1')
    await once(this.#server, 'listening')
  }

  get port(): number {
    return (this.#server.address() as net.AddressInfo).port
  }

  get url(): string {
    return `chasqui://127.0.0.1:${this.port}`
  }

  reply(socket: net.Socket, { id }: Heard, result: unknown): void {
    socket.write(`${replyText(id, JSON.stringify(result))}\n`)
  }

  breakAll(): void {
    for (const socket of this.sockets) socket.destroy()
  }

  async close(): Promise<void> {
    this.breakAll()
    if (this.#server.listening) await new Promise((resolve) => this.#server.close(resolve))
  }

  #serve(socket: net.Socket): void {
    this.sockets.add(socket)
    const reader = new LineReader({
      frameBytesMax: 1e9,
      onLine: (line) => this.#take(JSON.parse(line) as Heard, socket),
      onFault: (error) => socket.destroy(error),
    })
    socket
      .on('data', (chunk: Buffer) => reader.push(chunk))
      .on('close', () => this.sockets.delete(socket))
      .on('error', () => {})
  }

  #take(message: Heard, socket: net.Socket): void {
    if (message.method === 'session.hello') {
      this.hellos++
      if (this.helloError !== null) socket.write(`${errorReplyText(message.id, this.helloError)}\n`)
      else {
        const limits = { frameBytes: 1_000 }
        this.reply(socket, message, { server: { name: 'chasqui', version: '9' }, session: 's1', limits })
      }
      return
    }
    if (message.id === 'ping') {
      this.reply(socket, message, { tasks: [] })
      return
    }
    this.heard.push(message)
    this.answer(message, socket)
  }
}

function open(t: TestContext, options: Partial<LinkOptions> & { url: string }): Link {
  const link = openLink({
    client: { name: 'test' },
    reconnectMinMs: 5,
    reconnectMaxMs: 40,
    ...options,
  })
  t.after(() => link.close())
  return link
}

const within = { timeoutMs: 10_000 }

function code(expected: string): (error: unknown) => boolean {
  return (error) => {
    assert.ok(error instanceof ChasquiError, String(error))
    assert.equal(error.code, expected, error.message)
    return true
  }
}

test('an address is a host, a port that may be left out, and perhaps more of both', () => {
  assert.deepEqual(parseServerUrl('chasqui://localhost').addresses, [{ host: 'localhost', port: 5000 }])
  assert.deepEqual(parseServerUrl('chasqui://a:1,[::1]:2,10.0.0.7/').addresses, [
    { host: 'a', port: 1 },
    { host: '::1', port: 2 },
    { host: '10.0.0.7', port: 5000 },
  ])
})

test('an address that cannot be used is refused with the reason', () => {
  const reasons: readonly [url: string, reason: RegExp][] = [
    ['localhost:5000', /must have the form chasqui:/],
    ['http://localhost', /must begin with chasqui:.*chasquis:/],
    ['chasqui://', /"" is not host:port/],
    ['chasqui://a:70000', /70000 is not a port/],
    ['chasqui://a:0', /0 is not a port/],
    ['chasqui://token@a', /token is a setting of its own/],
    ['chasqui://a:1/x', /must end after the port/],
    ['chasqui://a:1,,b', /"" is not host:port/],
    ['chasqui://::1', /not host:port/],
  ]
  for (const [url, reason] of reasons) {
    assert.throws(() => parseServerUrl(url), { code: 'CONFIG_INVALID', message: reason }, url)
  }
})

test('requests are answered by id, in whatever order the answers come', async (t) => {
  const server = await SmallServer.open(t)
  const waiting: [Heard, net.Socket][] = []
  server.answer = (message, socket) => {
    waiting.push([message, socket])
    if (waiting.length < 3) return
    for (const [early, from] of waiting.reverse()) server.reply(from, early, early.params.n)
  }
  const link = open(t, { url: server.url })
  const answers = [1, 2, 3].map((n) => link.request('test.echo', `{"n":${n}}`, within))
  assert.deepEqual(await Promise.all(answers), [1, 2, 3])
  assert.equal(link.state, 'up')
  assert.deepEqual(link.server, { version: '9', session: 's1', frameBytesMax: 1_000 })
})

test('an error reply rejects with its code, details and retryAfterMs', async (t) => {
  const server = await SmallServer.open(t)
  const sent = new ChasquiError('RETRY_AFTER', 'full', { retryAfterMs: 70, details: { queue: 'a' } })
  server.answer = ({ id }, socket) => void socket.write(`${errorReplyText(id, sent)}\n`)
  const link = open(t, { url: server.url })
  await assert.rejects(link.request('x.y', '{}', within), {
    code: 'RETRY_AFTER',
    message: 'full',
    retryAfterMs: 70,
    details: { queue: 'a' },
  })
})

test('onReply hears the result before a notification of the same packet is heard', async (t) => {
  const server = await SmallServer.open(t)
  server.answer = ({ id }, socket) => {
    socket.write(`${replyText(id, '"w1"')}\n${notificationText('task.event', '{"watch":"w1"}')}\n`)
  }
  const link = open(t, { url: server.url })
  const order: unknown[] = []
  link.on('task.event', (params) => order.push(params))
  await link.request('task.watch', '{}', { ...within, onReply: (result) => order.push(result) })
  while (order.length < 2) await new Promise(setImmediate)
  assert.deepEqual(order, ['w1', { watch: 'w1' }])
})

test('what is under way at a break is rejected, and the link comes back by itself', async (t) => {
  const server = await SmallServer.open(t)
  const proxy = await FaultProxy.open({ port: server.port })
  t.after(() => proxy.close())
  const link = open(t, { url: proxy.url })
  const story: string[] = []
  link.onUp(() => story.push('up'))
  link.onDown((error) => story.push(`down ${error.code}`))
  await link.ready(10_000)
  server.answer = () => {}
  const lost = link.request('x.y', '{}', within)
  while (server.heard.length === 0) await new Promise(setImmediate)
  proxy.reset()
  await assert.rejects(lost, code('CONNECTION_LOST'))
  server.answer = (message, socket) => server.reply(socket, message, 'back')
  assert.equal(await link.request('x.y', '{}', within), 'back')
  assert.deepEqual(story, ['up', 'down CONNECTION_LOST', 'up'])
})

test('requests made while there is no connection wait for one and are sent in order', async (t) => {
  const server = await SmallServer.open(t)
  const proxy = await FaultProxy.open({ port: server.port })
  t.after(() => proxy.close())
  proxy.mode = 'refuse'
  const link = open(t, { url: proxy.url })
  const answers = ['a', 'b', 'c'].map((n) => link.request('x.y', `{"n":"${n}"}`, within))
  while (proxy.connections < 3) await new Promise(setImmediate)
  assert.equal(link.state, 'connecting')
  proxy.mode = 'up'
  await Promise.all(answers)
  assert.deepEqual(
    server.heard.map(({ params }) => params.n),
    ['a', 'b', 'c'],
  )
})

test('a request that found no connection by its deadline says why, and is not sent later', async (t) => {
  const server = await SmallServer.open(t)
  const { port } = server
  await server.close()
  const link = open(t, { url: `chasqui://127.0.0.1:${port}` })
  await assert.rejects(link.request('x.y', '{}', { timeoutMs: 60 }), {
    code: 'CONNECTION_LOST',
    message: `no distributor could be reached at 127.0.0.1:${port}: nothing listens there`,
  })
  await assert.rejects(link.ready(20), code('CONNECTION_LOST'))
  await server.listen(port)
  await link.request('after', '{}', within)
  assert.deepEqual(
    server.heard.map(({ method }) => method),
    ['after'],
  )
})

test('a request that is not answered in time is rejected, and its late answer ignored', async (t) => {
  const server = await SmallServer.open(t)
  const late: [Heard, net.Socket][] = []
  server.answer = (message, socket) => void late.push([message, socket])
  const link = open(t, { url: server.url })
  await link.ready(10_000)
  const patient = link.request('x.y', '{"n":2}', within)
  await assert.rejects(link.request('x.y', '{"n":1}', { timeoutMs: 30 }), code('TIMEOUT'))
  while (late.length < 2) await new Promise(setImmediate)
  for (const [message, socket] of late) server.reply(socket, message, message.params.n)
  assert.equal(await patient, 2)
})

test('deadlines of many requests are kept without a timer each', async (t) => {
  const clock = new VirtualClock()
  let timers = 0
  const counting = {
    nowMs: () => clock.nowMs(),
    at: (atMs: number, call: () => void) => {
      timers++
      return clock.at(atMs, call)
    },
  }
  const server = await SmallServer.open(t)
  server.answer = () => {}
  const link = open(t, { url: server.url, clock: counting })
  await link.ready(10_000)
  timers = 0
  const codes: string[] = []
  const settled = Array.from({ length: 1_000 }, (_, n) =>
    link
      .request('x.y', '{}', { timeoutMs: 1_000 + n })
      .catch((error: ChasquiError) => codes.push(error.code)),
  )
  assert.equal(timers, 1)
  await clock.advance(999)
  assert.equal(codes.length, 0)
  await clock.advance(1_100)
  await Promise.all(settled)
  assert.deepEqual(new Set(codes), new Set(['TIMEOUT']))
  assert.ok(timers < 200, `${timers} timers`)
})

test('aborting rejects at once with the reason', async (t) => {
  const server = await SmallServer.open(t)
  server.answer = () => {}
  const link = open(t, { url: server.url })
  const abort = new AbortController()
  const request = link.request('x.y', '{}', { ...within, signal: abort.signal })
  abort.abort(new Error('changed my mind'))
  await assert.rejects(request, /changed my mind/)
  await assert.rejects(link.request('x.y', '{}', { ...within, signal: abort.signal }), /changed my mind/)
})

for (const mode of ['blackhole', 'blackhole-up', 'blackhole-down'] as const) {
  test(`a peer that went silent (${mode}) is found dead, and another connection is made`, async (t) => {
    const server = await SmallServer.open(t)
    const proxy = await FaultProxy.open({ port: server.port })
    t.after(() => proxy.close())
    const link = open(t, { url: proxy.url, silenceMs: 30, pingTimeoutMs: 30, connectTimeoutMs: 100 })
    await link.ready(10_000)
    const down = new Promise<ChasquiError>((resolve) => link.onDown(resolve))
    proxy.mode = mode
    const lost = link.request('x.y', '{}', within)
    await assert.rejects(lost, code('CONNECTION_LOST'))
    assert.match((await down).message, /nothing was heard for 60 ms/)
    proxy.mode = 'up'
    assert.deepEqual(await link.request('x.y', '{"n":1}', within), { echo: { n: 1 } })
  })
}

test('a quiet peer that answers pings is left in peace', async (t) => {
  const server = await SmallServer.open(t)
  const link = open(t, { url: server.url, silenceMs: 5, pingTimeoutMs: 2_000 })
  let downs = 0
  link.onDown(() => downs++)
  await link.ready(10_000)
  const socket = [...server.sockets][0]!
  const before = socket.bytesRead
  // Ten pings later.
  while (socket.bytesRead < before + 600) await new Promise((resolve) => setTimeout(resolve, 5))
  assert.equal(downs, 0)
  assert.equal(server.hellos, 1)
})

test('a connection cut in the middle of a message loses that message and nothing else', async (t) => {
  const server = await SmallServer.open(t)
  const proxy = await FaultProxy.open({ port: server.port })
  t.after(() => proxy.close())
  const link = open(t, { url: proxy.url })
  await link.ready(10_000)
  const text = JSON.stringify({ text: 'ñ'.repeat(50_000) })
  for (const cutAfterBytes of [1, 60_000, 150_000, 199_000]) {
    proxy.cutAfterBytes = cutAfterBytes
    await assert.rejects(link.request('x.y', text, within), code('CONNECTION_LOST'))
    proxy.cutAfterBytes = Number.POSITIVE_INFINITY
    assert.deepEqual(await link.request('x.y', text, within), { echo: JSON.parse(text) })
  }
})

test('hosts are tried in turn, and the one that was up is tried first after a break', async (t) => {
  const full = await SmallServer.open(t)
  full.helloError = new ChasquiError('TOO_MANY_CONNECTIONS', 'full house')
  const free = await SmallServer.open(t)
  const link = open(t, { url: `chasqui://127.0.0.1:${full.port},127.0.0.1:${free.port}` })
  await link.ready(10_000)
  const down = new Promise((resolve) => link.onDown(resolve))
  free.breakAll()
  await down
  await link.ready(10_000)
  assert.deepEqual([full.hellos, free.hellos], [1, 2])
})

test('a server that accepts and never says hello is given up for the next host', async (t) => {
  const mute = net.createServer(() => {}).listen(0, '127.0.0.1')
  await once(mute, 'listening')
  const server = await SmallServer.open(t)
  const { port } = mute.address() as net.AddressInfo
  const link = open(t, {
    url: `chasqui://127.0.0.1:${port},127.0.0.1:${server.port}`,
    connectTimeoutMs: 50,
  })
  t.after(() => mute.close())
  await link.ready(10_000)
  assert.equal(server.hellos, 1)
})

test('a hello refused for now is tried again; one refused for good ends the link', async (t) => {
  const server = await SmallServer.open(t)
  server.helloError = new ChasquiError('TOO_MANY_CONNECTIONS', 'full house')
  const link = open(t, { url: server.url })
  while (server.hellos < 3) await new Promise(setImmediate)
  await assert.rejects(link.request('x.y', '{}', { timeoutMs: 20 }), /full house/)
  const waiting = link.request('x.y', '{}', within)
  server.helloError = new ChasquiError('UNAUTHENTICATED', 'who are you?')
  await assert.rejects(waiting, code('UNAUTHENTICATED'))
  const end = await link.closed
  assert.equal(end.reason, 'failed')
  assert.equal(end.error?.code, 'UNAUTHENTICATED')
  await assert.rejects(link.request('x.y', '{}', within), code('UNAUTHENTICATED'))
  await assert.rejects(link.ready(10_000), code('UNAUTHENTICATED'))
})

test('what a server says before it closes is the reason that is told', async (t) => {
  const server = await SmallServer.open(t)
  const last = new ChasquiError('SLOW_READER', 'you did not read for 30000 ms')
  server.answer = (_, socket) => void socket.end(`${errorReplyText(null, last)}\n`)
  const link = open(t, { url: server.url })
  await assert.rejects(link.request('x.y', '{}', within), {
    code: 'CONNECTION_LOST',
    message: /broke: you did not read for 30000 ms/,
  })
})

test('a server that talks nonsense is left', async (t) => {
  const server = await SmallServer.open(t)
  server.answer = (_, socket) => void socket.write('HTTP/1.1 400 Bad Request\r\n\r\n')
  const link = open(t, { url: server.url })
  await assert.rejects(link.request('x.y', '{}', within), {
    code: 'CONNECTION_LOST',
    message: /cannot be read: not JSON/,
  })
})

test('reconnecting backs off between its bounds, with jitter, and starts over after a stable connection', async (t) => {
  const clock = new VirtualClock()
  const server = await SmallServer.open(t)
  const link = open(t, { url: server.url, clock, reconnectMinMs: 100, reconnectMaxMs: 400, random: () => 0 })
  await link.ready(1e9)
  const helloAfter = async (ms: number, hellos: number) => {
    await clock.advance(ms - 1)
    assert.equal(server.hellos, hellos - 1)
    await clock.advance(1)
    while (server.hellos < hellos) await new Promise(setImmediate)
  }
  server.helloError = new ChasquiError('TOO_MANY_CONNECTIONS', 'full')
  const down = () => {
    while (link.state === 'up') return new Promise<void>((resolve) => link.onDown(() => resolve()))
  }
  const broken = down()
  server.breakAll()
  await broken
  const ended = async () => {
    while (server.sockets.size > 0) await new Promise(setImmediate)
    await clock.advance(0)
  }
  // Half of 100, 200, 400, 400: the jitter's lower end.
  await helloAfter(50, 2)
  await ended()
  await helloAfter(100, 3)
  await ended()
  await helloAfter(200, 4)
  await ended()
  server.helloError = null
  await helloAfter(200, 5)
  await link.ready(1e9)
  await clock.advance(400)
  const again = down()
  server.breakAll()
  await again
  await helloAfter(50, 6)
})

test('close sends what was said, rejects what is open, and says that it is closed', async (t) => {
  const server = await SmallServer.open(t)
  server.answer = () => {}
  const link = open(t, { url: server.url })
  await link.ready(10_000)
  const open1 = link.request('x.y', '{}', within)
  link.notify('bye', '{}')
  const rejected = assert.rejects(open1, code('CLOSED'))
  await link.close()
  await link.close()
  await rejected
  assert.equal(link.state, 'closed')
  assert.deepEqual(await link.closed, { reason: 'closed' })
  assert.equal(link.notify('x', '{}'), false)
  await assert.rejects(link.request('x.y', '{}', within), code('CLOSED'))
  while (server.heard.length < 2) await new Promise(setImmediate)
  assert.deepEqual(
    server.heard.map(({ method }) => method),
    ['x.y', 'bye'],
  )
})

test('what waits is bounded', async (t) => {
  const server = await SmallServer.open(t)
  const { port } = server
  await server.close()
  const link = open(t, { url: `chasqui://127.0.0.1:${port}` })
  const big = JSON.stringify('x'.repeat(100 * 1024 * 1024))
  const settled = [1, 2].map(() => link.request('x.y', big, within).catch((error) => error.code))
  await assert.rejects(link.request('x.y', big, within), code('BUFFER_FULL'))
  await link.close()
  assert.deepEqual(await Promise.all(settled), ['CLOSED', 'CLOSED'])
})
