/** The connection to RabbitMQ heals: against a private RabbitMQ that is killed, frozen, full, and a network that swallows. */

import assert from 'node:assert/strict'
import { before, test } from 'node:test'
import { setTimeout as delay } from 'node:timers/promises'
import { connect } from 'amqplib'
import { BrokerFailure } from '../../../src/engine/cluster/broker/broker.ts'
import { Publisher } from '../../../src/engine/cluster/broker/publisher.ts'
import { BROKER_BACK_MS, doneWith, letters, openProbe, read } from '../../support/broker-probe.ts'
import { eventually } from '../../support/eventually.ts'
import { FaultProxy } from '../../support/fault-proxy.ts'
import { fileScope } from '../../support/file-scope.ts'
import { openRabbitMq, type RabbitMq } from '../../support/rabbitmq.ts'
import { openRandom } from '../../support/random.ts'
import { needRabbitMq } from '../../support/real-parts.ts'
import { atEnd, type Scope } from '../../support/temporary.ts'

const { skip } = needRabbitMq()
const scope = fileScope()
let server: RabbitMq
let lastHost = 0

before(async () => {
  if (skip !== false) return
  server = await openRabbitMq(scope)
})

const freshUrl = () => server.addVirtualHost(`f${++lastHost}`)

/** The same URL through a network that can be made to fail. */
async function behindProxy(scope: Scope, url: string): Promise<{ proxy: FaultProxy; url: string }> {
  const proxy = await FaultProxy.open({ port: server.port })
  atEnd(scope, () => proxy.close())
  return { proxy, url: url.replace(`:${server.port}/`, `:${proxy.port}/`) }
}

/** How often each event was told. */
function counts(events: readonly string[]): Record<string, number> {
  const found: Record<string, number> = {}
  for (const event of events) found[event] = (found[event] ?? 0) + 1
  return found
}

test('a node that is killed is waited for; what was confirmed is there, what was held comes again', {
  skip,
}, async (context) => {
  const url = await freshUrl()
  const { broker, told, events } = await openProbe(context, url)
  const witness = await openProbe(context, url)
  await broker.declare('lane')
  await broker.publish(letters('lane', 'a', 'b'))
  const reader = read(broker, 'lane')
  await reader.has(2)
  reader.messages[0]?.done()
  await delay(100)
  await server.flush()
  await server.kill()
  await told('down')
  await assert.rejects(broker.publish(letters('lane', 'c')), { kind: 'down' })
  await assert.rejects(broker.declare('lane'), { kind: 'down' })
  assert.deepEqual([broker.isUp, reader.interruptions], [false, ['lost']])
  // Of the life before: not to be acked on the next channel, where other messages have these numbers.
  reader.messages[1]?.done()
  await server.start()
  await Promise.all([told('up', 2), witness.told('up', 2)])
  await reader.has(3)
  assert.deepEqual([reader.texts[2], reader.messages[2]?.redelivered], ['b', true])
  reader.messages[2]?.done()
  await broker.publish(letters('lane', 'd'))
  await reader.has(4)
  reader.messages[3]?.done()
  witness.broker.tell('still there?')
  await told('up', 2)
  await eventually('nothing is left', async () => (await broker.look('lane'))?.ready === 0)
  assert.equal(counts(events).up, 2)
})

test('what is under way when the connection goes is told to be unknown, and the next is made', {
  skip,
}, async (context) => {
  const { proxy, url } = await behindProxy(context, await freshUrl())
  const { broker, told } = await openProbe(context, url)
  await broker.declare('lane')
  const reader = read(broker, 'lane', 10, doneWith)
  proxy.mode = 'blackhole-down'
  const call = broker.publish(letters('lane', 'x')).catch((error: BrokerFailure) => error)
  const question = broker.look('lane').catch((error: BrokerFailure) => error)
  await delay(50)
  proxy.mode = 'up'
  proxy.reset()
  const [published, looked] = await Promise.all([call, question])
  // It may have come through in the moment between.
  for (const outcome of [published, looked]) {
    if (outcome instanceof Error) assert.equal((outcome as BrokerFailure).kind, 'down')
  }
  await told('up', 2)
  await broker.publish(letters('lane', 'y'))
  await eventually('it goes on', () => reader.texts.includes('y'))
})

test('connections that the broker closes are made again', { skip }, async (context) => {
  const url = await freshUrl()
  const [one, other] = [await openProbe(context, url), await openProbe(context, url)]
  await one.broker.declare('lane')
  const reader = read(one.broker, 'lane', 10, doneWith)
  await eventually('it consumes', async () => (await one.broker.look('lane'))?.consumers === 1)
  await server.ctl(['close_all_connections', '--global', 'by a test'])
  await Promise.all([one.told('up', 2), other.told('up', 2)])
  assert.deepEqual(reader.interruptions, ['lost'])
  await other.broker.publish(letters('lane', 'x'))
  await reader.has(1)
  // Its private queue of news is made again, too.
  other.broker.tell('news')
  await eventually('news come', () => one.news.length === 1)
  assert.deepEqual(counts(one.events), { up: 2, down: 1, 'connection-lost': 1 })
})

test('one socket alone that is cut takes the other with it, and both come back', {
  skip,
}, async (context) => {
  const url = await freshUrl()
  const { broker, told } = await openProbe(context, url, { connectionName: 'cut me' })
  await broker.declare('lane')
  const host = new URL(url).pathname.slice(1)
  const rows = async () =>
    (await server.api('GET', `vhosts/${host}/connections`)) as {
      readonly name: string
      readonly client_properties?: { readonly connection_name?: string }
    }[]
  for (const [turn, role] of ['gives', 'takes'].entries()) {
    let found: string | undefined
    await eventually(
      `the one that ${role} is known`,
      async () => {
        found = (await rows()).find(
          ({ client_properties }) => client_properties?.connection_name === `cut me (${role})`,
        )?.name
        return found !== undefined
      },
      BROKER_BACK_MS,
    )
    await server.api('DELETE', `connections/${encodeURIComponent(found!)}`)
    await told('up', turn + 2)
  }
  await broker.publish(letters('lane', 'x'))
  assert.equal((await broker.look('lane'))?.ready, 1)
})

test('a queue that is deleted ends its subscription, and no other; what it held is void', {
  skip,
}, async (context) => {
  const url = await freshUrl()
  const { broker, events } = await openProbe(context, url)
  await Promise.all(['lane', 'gone'].map((queue) => broker.declare(queue)))
  const [reader, gone] = [read(broker, 'lane'), read(broker, 'gone')]
  await broker.publish([...letters('gone', '1', '2'), ...letters('lane', 'a')])
  await Promise.all([reader.has(1), gone.has(2)])
  await server.api('DELETE', `queues/${new URL(url).pathname.slice(1)}/gone`)
  await eventually('it is told', () => gone.interruptions.length > 0)
  assert.deepEqual(gone.interruptions, ['gone'])
  gone.messages[0]?.done()
  gone.messages[1]?.back()
  await gone.subscription.close()
  reader.messages[0]?.done()
  await broker.publish(letters('lane', 'b'))
  await reader.has(2)
  reader.messages[1]?.done()
  // To declare it again and to begin anew is the owner's.
  await broker.declare('gone')
  const anew = read(broker, 'gone')
  await broker.publish(letters('gone', '3'))
  await anew.has(1)
  assert.deepEqual([reader.interruptions, events], [[], ['up']])
})

test('a message held for too long costs the channel; it comes again, and all go on', {
  skip,
}, async (context) => {
  // A channel asks for both when it is opened.
  const set = (name: string, ms: number) =>
    server.ctl(['eval', `application:set_env(rabbit, ${name}, ${ms}).`])
  await set('channel_tick_interval', 500)
  await set('consumer_timeout', 2_000)
  const { broker, told, events } = await openProbe(context, await freshUrl())
  await Promise.all(['slow', 'quick'].map((queue) => broker.declare(queue)))
  const [slow, quick] = [read(broker, 'slow', 1), read(broker, 'quick', 10, doneWith)]
  await broker.publish(letters('slow', 'long work'))
  await slow.has(1)
  assert.deepEqual(slow.interruptions, [])
  await told('consumer-lost')
  await set('consumer_timeout', 1_800_000)
  await slow.has(2)
  assert.deepEqual([slow.interruptions[0], quick.interruptions[0]], ['lost', 'lost'])
  assert.equal(slow.messages.at(-1)?.redelivered, true)
  // Late: its channel is gone, and its number belongs to another message now.
  slow.messages[0]?.done()
  await broker.publish([...letters('quick', 'x'), ...letters('slow', 'more')])
  await quick.has(1)
  slow.messages.at(-1)?.done()
  await eventually('the next comes', () => slow.texts.at(-1) === 'more')
  slow.messages.at(-1)?.done()
  assert.deepEqual([events.filter((event) => event === 'down'), broker.isUp], [[], true])
})

test('while the broker has an alarm publishing waits, and consuming goes on', { skip }, async (context) => {
  const url = await freshUrl()
  const { broker, told } = await openProbe(context, url)
  await broker.declare('lane')
  await broker.publish(letters('lane', ...'12345678'))
  try {
    await server.ctl(['set_vm_memory_high_watermark', 'absolute', '1MB'])
    let isConfirmed = false
    const waiting = broker.publish(letters('lane', 'during')).then(() => {
      isConfirmed = true
    })
    await told('blocked')
    assert.equal(broker.isBlocked, true)
    const later = broker.publish(letters('lane', 'later'))
    broker.tell('left out')
    const reader = read(broker, 'lane', 2, doneWith)
    // With a prefetch of two, eight come only if the acks are read.
    await reader.has(8)
    await broker.declare('made meanwhile')
    const during = await openProbe(context, url)
    await eventually('who comes now is blocked at once', () => during.broker.isBlocked)
    await during.broker.close()
    assert.equal(isConfirmed, false)
    await server.ctl(['set_vm_memory_high_watermark', 'absolute', '1GB'])
    await told('unblocked')
    await Promise.all([waiting, later])
    await reader.has(10)
    assert.equal(broker.isBlocked, false)
  } finally {
    await server.ctl(['set_vm_memory_high_watermark', 'absolute', '1GB'])
  }
})

test('a peer that vanished is noticed by its silence, and the connection made anew', {
  skip,
}, async (context) => {
  const { proxy, url } = await behindProxy(context, await freshUrl())
  const { broker, told } = await openProbe(context, url, { heartbeatMs: 1_000 })
  await broker.declare('lane')
  const reader = read(broker, 'lane', 10, doneWith)
  await eventually('it consumes', async () => (await broker.look('lane'))?.consumers === 1)
  proxy.mode = 'half-open'
  const call = broker.publish(letters('lane', 'into the void'))
  await assert.rejects(call, { kind: 'down' })
  await told('down')
  proxy.mode = 'up'
  await told('up', 2)
  await broker.publish(letters('lane', 'x'))
  await eventually('it goes on', () => reader.texts.includes('x'))
  assert.deepEqual(reader.interruptions, ['lost'])
})

test('while nothing answers it is tried seldom, and found soon after', { skip }, async (context) => {
  const { proxy, url } = await behindProxy(context, await freshUrl())
  const { told } = await openProbe(context, url)
  proxy.mode = 'refuse'
  const before = proxy.connections
  proxy.reset()
  await told('down')
  await delay(3_000)
  const tries = (proxy.connections - before) / 2
  assert.ok(tries >= 2 && tries <= 8, `${tries} tries in three seconds`)
  proxy.mode = 'up'
  await told('up', 2)
})

test('a connection that breaks as soon as it is made is not made in a tight loop', {
  skip,
}, async (context) => {
  const { proxy, url } = await behindProxy(context, await freshUrl())
  const probe = await openProbe(context, url)
  const before = proxy.connections
  const untilMs = performance.now() + 3_000
  for (let ups = 2; performance.now() < untilMs; ups++) {
    proxy.reset()
    await probe.told('up', ups)
  }
  const lives = (proxy.connections - before) / 2
  assert.ok(lives >= 2 && lives <= 8, `${lives} lives in three seconds`)
})

test('hosts are tried in turn', { skip }, async (context) => {
  const url = await freshUrl()
  const [first, second] = [await behindProxy(context, url), await behindProxy(context, url)]
  const { told, broker } = await openProbe(context, [first.url, second.url])
  assert.deepEqual([first.proxy.connections, second.proxy.connections], [2, 0])
  first.proxy.mode = 'refuse'
  first.proxy.reset()
  await told('up', 2)
  assert.equal(second.proxy.connections, 2)
  await broker.declare('lane')
})

test('a rebuild closes the connection and makes it anew', { skip }, async (context) => {
  const { broker, told, events } = await openProbe(context, await freshUrl())
  await broker.declare('lane')
  await broker.publish(letters('lane', 'x'))
  const reader = read(broker, 'lane')
  await reader.has(1)
  broker.rebuild('nothing came for a while')
  assert.equal(broker.isUp, false)
  await told('up', 2)
  await reader.has(2)
  assert.deepEqual([reader.interruptions, reader.texts], [['lost'], ['x', 'x']])
  assert.deepEqual(counts(events), { up: 2, down: 1, 'connection-lost': 1 })
})

test('closed while it waits for the broker, it ends, and comes back no more', { skip }, async (context) => {
  const { proxy, url } = await behindProxy(context, await freshUrl())
  const { broker, told, events } = await openProbe(context, url)
  proxy.mode = 'blackhole'
  proxy.reset()
  await told('down')
  await eventually('it tries again', () => proxy.connections >= 4)
  await broker.close()
  proxy.mode = 'up'
  const { connections } = proxy
  await delay(1_500)
  assert.deepEqual([proxy.connections, counts(events).up], [connections, 1])
})

test('what is not confirmed in time is told so, and its confirm, when it comes, harms nothing', {
  skip,
}, async (context) => {
  const url = await freshUrl()
  const { broker } = await openProbe(context, url)
  await broker.declare('lane')
  const connection = await connect(url)
  atEnd(context, () => connection.close())
  const stuck: string[] = []
  const publisher = new Publisher(await connection.createConfirmChannel(), 1, (why) => stuck.push(why), 400)
  atEnd(context, () => publisher.end('the test is over'))
  await publisher.publish(letters('lane', 'before'))
  server.freeze()
  try {
    await assert.rejects(publisher.publish(letters('lane', 'a', 'b')), { kind: 'refused' })
  } finally {
    server.thaw()
  }
  await publisher.publish(letters('lane', 'after'))
  assert.equal((await broker.look('lane'))?.ready, 4)
  // Nothing at all was confirmed: a channel that hangs would hang for ever.
  assert.deepEqual(stuck, ['the broker confirms nothing'])
})

test('a queue whose leader is gone for good is told, does not stop the others, and can be renewed', {
  skip,
}, async (context) => {
  const url = await freshUrl()
  const { broker, told } = await openProbe(context, url)
  await Promise.all(['lane', 'dead'].map((queue) => broker.declare(queue)))
  await broker.publish(letters('dead', 'lost with it'))
  const host = new URL(url).pathname.slice(1)
  await server.ctl(['eval', `ok = ra:stop_server(quorum_queues, {'${host}_dead', node()}).`])
  const dead = read(broker, 'dead', 10, doneWith)
  const lane = read(broker, 'lane', 10, doneWith)
  await eventually('it is told', () => dead.interruptions.length > 0, BROKER_BACK_MS)
  await told('up', 2)
  const isTaken = () =>
    broker.publish(letters('lane', 'x')).then(
      () => true,
      () => false,
    )
  await eventually('the other takes', isTaken, BROKER_BACK_MS)
  await lane.has(1)
  assert.deepEqual(dead.interruptions, ['gone'])
  assert.deepEqual(await broker.look('dead'), { ready: 0, consumers: 0 })
  const renewed = async () => {
    try {
      await broker.renew('dead')
      await broker.publish(letters('dead', 'alive'))
      return true
    } catch (error) {
      assert.ok(error instanceof BrokerFailure, String(error))
      return false
    }
  }
  await eventually('it is renewed', renewed, BROKER_BACK_MS)
  const anew = read(broker, 'dead', 10)
  await anew.has(1)
  await anew.subscription.close()
  anew.messages[0]?.back()
  // One that answers keeps what it has.
  await broker.renew('dead')
  await eventually('it is there', async () => (await broker.look('dead'))?.ready === 1)
})

test('cut at any byte, every call is answered, and what was confirmed is there', {
  skip,
}, async (context) => {
  const random = openRandom(context)
  const plainUrl = await freshUrl()
  const { proxy, url } = await behindProxy(context, plainUrl)
  const { broker, events } = await openProbe(context, url)
  const direct = await openProbe(context, plainUrl)
  await direct.broker.declare('lane')
  const confirmed = new Set<string>()
  const seen = new Set<string>()
  read(direct.broker, 'lane', 1_000, (message) => {
    seen.add(message.body.toString())
    message.done()
  })
  const mirrored = read(broker, 'lane', 50, (message) => {
    seen.add(message.body.toString())
    if (random.next() < 0.9) message.done()
    else message.back()
  })
  let number = 0
  const publish = async () => {
    const bodies = Array.from({ length: 1 + random.below(40) }, () => `${++number}`)
    try {
      await broker.publish(letters('lane', ...bodies))
      for (const body of bodies) confirmed.add(body)
    } catch (error) {
      assert.ok(error instanceof BrokerFailure && error.kind === 'down', String(error))
      await delay(20)
    }
  }
  for (let cut = 0; cut < 7; cut++) {
    // Sometimes within the handshake of the next connection, too.
    proxy.cutAfterBytes = random.below(random.next() < 0.5 ? 3_000 : 60_000)
    const { length } = events
    const limit = AbortSignal.timeout(BROKER_BACK_MS)
    while (proxy.cutAfterBytes !== Number.POSITIVE_INFINITY || !broker.isUp) {
      limit.throwIfAborted()
      await Promise.all([publish(), publish(), broker.look('lane').catch(() => null)])
    }
    assert.ok(events.length >= length)
  }
  await publish()
  await eventually(
    'all that was confirmed came',
    () => [...confirmed].every((body) => seen.has(body)),
    BROKER_BACK_MS,
  )
  assert.ok(mirrored.interruptions.length > 0)
})
