/** The port to RabbitMQ, sentence by sentence, against a private RabbitMQ. What happens when something breaks is in broker-faults.test.ts. */

import assert from 'node:assert/strict'
import { before, test } from 'node:test'
import { connect } from 'amqplib'
import { BrokerFailure, type BrokerFailureKind } from '../../../src/engine/cluster/broker/broker.ts'
import { ChasquiError } from '../../../src/task/errors.ts'
import { doneWith, letters, openProbe, read } from '../../support/broker-probe.ts'
import { eventually } from '../../support/eventually.ts'
import { fileScope } from '../../support/file-scope.ts'
import { openRabbitMq, type RabbitMq } from '../../support/rabbitmq.ts'
import { openRandom } from '../../support/random.ts'
import { needRabbitMq } from '../../support/real-parts.ts'
import { atEnd } from '../../support/temporary.ts'

const { skip } = needRabbitMq()
const scope = fileScope()
let server: RabbitMq
let lastHost = 0

before(async () => {
  if (skip === false) server = await openRabbitMq(scope)
})

/** Each test has a virtual host of its own. */
const freshUrl = () => server.addVirtualHost(`t${++lastHost}`)

function isFailure(kind: BrokerFailureKind, queue: string | null = null) {
  return (error: unknown) => {
    assert.ok(error instanceof BrokerFailure, String(error))
    assert.deepEqual([error.kind, error.queue], [kind, queue])
    return true
  }
}

interface QueueRow {
  readonly name: string
  readonly durable: boolean
  readonly arguments: Record<string, unknown>
  readonly messages_unacknowledged?: number
}

async function rowOf(url: string, queue: string): Promise<QueueRow> {
  return (await server.api('GET', `queues/${new URL(url).pathname.slice(1)}/${queue}`)) as QueueRow
}

test('a declared queue is a durable quorum queue that does not drop what goes back often', {
  skip,
}, async (context) => {
  const url = await freshUrl()
  const { broker } = await openProbe(context, url)
  await broker.declare('lane')
  await broker.declare('lane')
  const { durable, arguments: named } = await rowOf(url, 'lane')
  assert.equal(durable, true)
  assert.deepEqual(named, { 'x-queue-type': 'quorum', 'x-delivery-limit': 2_147_483_647 })
  await broker.publish(letters('lane', 'stubborn'))
  let backs = 0
  read(broker, 'lane', 1, (message) => {
    if (++backs < 50) message.back()
    else message.done()
  })
  // RabbitMQ 4 gives up after 20 where nothing is said.
  await eventually('it came back each time', () => backs === 50)
})

test('a queue with other arguments is an error of the configuration, and hurts nobody else', {
  skip,
}, async (context) => {
  const url = await freshUrl()
  const { broker, events } = await openProbe(context, url)
  const foreign = await connect(url)
  atEnd(context, () => foreign.close())
  await (await foreign.createChannel()).assertQueue('taken', { durable: true })
  await broker.declare('lane')
  const reader = read(broker, 'lane', 10, doneWith)
  await eventually('it consumes', async () => (await broker.look('lane'))?.consumers === 1)
  const answers = await Promise.allSettled([
    broker.declare('taken'),
    broker.look('taken'),
    broker.look('nowhere'),
    broker.declare('lane'),
  ])
  const [taken, ...others] = answers
  assert.ok(taken?.status === 'rejected' && taken.reason instanceof ChasquiError)
  assert.equal(taken.reason.code, 'CONFIG_INVALID')
  assert.match(taken.reason.message, /"taken" exists with other arguments/)
  assert.deepEqual(
    others.map((answer) => answer.status === 'fulfilled' && answer.value),
    [{ ready: 0, consumers: 0 }, null, undefined],
  )
  await broker.publish(letters('lane', 'still here'))
  await reader.has(1)
  assert.deepEqual([reader.interruptions, events], [[], ['up']])
})

test('look tells what is ready and who consumes, and null when there is no such queue', {
  skip,
}, async (context) => {
  const { broker } = await openProbe(context, await freshUrl())
  assert.equal(await broker.look('lane'), null)
  await broker.declare('lane')
  await broker.publish(letters('lane', 'a', 'b', 'c'))
  assert.deepEqual(await broker.look('lane'), { ready: 3, consumers: 0 })
  read(broker, 'lane', 2)
  await eventually('two are out', async () => (await broker.look('lane'))?.ready === 1)
  assert.equal((await broker.look('lane'))?.consumers, 1)
})

test('what is published arrives as it was, persistent', { skip }, async (context) => {
  const url = await freshUrl()
  const { broker } = await openProbe(context, url)
  await broker.declare('lane')
  const hint = { queue: 'lane', body: 'größer', contentType: 'application/vnd.chasqui.hint+json' }
  await broker.publish([{ ...hint, headers: { reason: 'why', count: 3 } }])
  const reader = read(broker, 'lane')
  await reader.has(1)
  assert.deepEqual(reader.texts, ['größer'])
  const [message] = reader.messages
  assert.deepEqual([message?.contentType, message?.redelivered], [hint.contentType, false])
  await reader.subscription.close()
  message?.back()
  const foreign = await connect(url)
  atEnd(context, () => foreign.close())
  const channel = await foreign.createChannel()
  await eventually('it is back', async () => (await channel.checkQueue('lane')).messageCount === 1)
  const got = await channel.get('lane')
  assert.ok(got)
  assert.equal(got.properties.deliveryMode, 2)
  assert.deepEqual([got.properties.headers?.reason, got.properties.headers?.count], ['why', 3])
})

test('many calls at once are each confirmed, with all their messages', { skip }, async (context) => {
  const { broker } = await openProbe(context, await freshUrl())
  await Promise.all(['a', 'b', 'c'].map((queue) => broker.declare(queue)))
  const random = openRandom(context)
  const counts: Record<string, number> = { a: 0, b: 0, c: 0 }
  const calls = Array.from({ length: 300 }, () => {
    const messages = Array.from(
      { length: random.below(60) },
      () => letters(random.pick(['a', 'b', 'c']), 'x')[0]!,
    )
    for (const { queue } of messages) counts[queue]!++
    return broker.publish(messages)
  })
  await Promise.all(calls)
  for (const queue of ['a', 'b', 'c']) assert.equal((await broker.look(queue))?.ready, counts[queue])
})

test('more than the broker may owe confirms for waits its turn', { skip }, async (context) => {
  const { broker } = await openProbe(context, await freshUrl())
  await broker.declare('lane')
  await broker.publish(letters('lane', ...Array.from({ length: 20_000 }, (_, number) => `${number}`)))
  assert.equal((await broker.look('lane'))?.ready, 20_000)
})

test('a message to a queue that is gone rejects its own call, and no other', { skip }, async (context) => {
  const { broker } = await openProbe(context, await freshUrl())
  await broker.declare('lane')
  const [first, second, third, fourth] = await Promise.allSettled([
    broker.publish(letters('lane', 'a', 'b')),
    broker.publish([...letters('lane', 'c'), ...letters('nowhere', 'd'), ...letters('lane', 'e')]),
    broker.publish(letters('lane', 'f')),
    broker.publish(letters('elsewhere', 'g')),
  ])
  assert.deepEqual([first.status, third.status], ['fulfilled', 'fulfilled'])
  assert.ok(second.status === 'rejected' && isFailure('unroutable', 'nowhere')(second.reason))
  assert.ok(fourth.status === 'rejected' && isFailure('unroutable', 'elsewhere')(fourth.reason))
  assert.equal((await broker.look('lane'))?.ready, 5)
})

test('a message that the queue does not take rejects its call', { skip }, async (context) => {
  const url = await freshUrl()
  const { broker } = await openProbe(context, url)
  const foreign = await connect(url)
  atEnd(context, () => foreign.close())
  await (await foreign.createChannel()).assertQueue('full', {
    durable: true,
    arguments: { 'x-max-length': 1, 'x-overflow': 'reject-publish' },
  })
  await broker.publish(letters('full', 'one'))
  await assert.rejects(broker.publish(letters('full', 'two', 'three')), isFailure('refused'))
  await broker.declare('lane')
  await broker.publish(letters('lane', 'after it'))
})

test('a subscription holds at most its prefetch, each its own', { skip }, async (context) => {
  const { broker } = await openProbe(context, await freshUrl())
  await Promise.all(['a', 'b'].map((queue) => broker.declare(queue)))
  await broker.publish([...letters('a', ...'12345678'), ...letters('b', ...'12345678')])
  const [a, b] = [read(broker, 'a', 3), read(broker, 'b', 5)]
  await Promise.all([a.has(3), b.has(5)])
  a.messages[0]?.done()
  await a.has(4)
  await eventually('the rest stays', async () => (await broker.look('b'))?.ready === 3)
  assert.deepEqual([a.messages.length, b.messages.length], [4, 5])
})

test('what is not settled comes again elsewhere, marked so; what is done does not', {
  skip,
}, async (context) => {
  const url = await freshUrl()
  const [first, second] = [await openProbe(context, url), await openProbe(context, url)]
  await first.broker.declare('lane')
  await first.broker.publish(letters('lane', 'a', 'b', 'c', 'd'))
  const reader = read(first.broker, 'lane')
  await reader.has(4)
  for (const at of [0, 2]) reader.messages[at]?.done()
  await first.broker.close()
  const again = read(second.broker, 'lane')
  await again.has(2)
  assert.deepEqual(again.texts.toSorted(), ['b', 'd'])
  assert.deepEqual(
    again.messages.map(({ redelivered }) => redelivered),
    [true, true],
  )
})

test('settled in any order, everything is acked, and the channel lives', { skip }, async (context) => {
  const url = await freshUrl()
  const { broker, events } = await openProbe(context, url)
  const random = openRandom(context)
  await Promise.all(['a', 'b'].map((queue) => broker.declare(queue)))
  const total = 3_000
  for (const queue of ['a', 'b']) {
    await broker.publish(letters(queue, ...Array.from({ length: total }, (_, number) => `${queue}${number}`)))
  }
  const done = new Set<string>()
  const held: (() => void)[] = []
  const readers = ['a', 'b'].map((queue) =>
    read(broker, queue, 100, (message) => {
      held.push(() => {
        if (random.next() < 0.1) return message.back()
        done.add(message.body.toString())
        message.done()
        // Twice is once.
        if (random.next() < 0.1) message.done()
      })
    }),
  )
  const limit = AbortSignal.timeout(50_000)
  while (done.size < 2 * total) {
    limit.throwIfAborted()
    for (let turns = random.below(60); turns > 0 && held.length > 0; turns--) {
      held.splice(random.below(held.length), 1)[0]!()
    }
    await new Promise(setImmediate)
  }
  for (const settle of held) settle()
  for (const queue of ['a', 'b']) {
    await eventually(
      `nothing of ${queue} is left`,
      async () => {
        const { messages_unacknowledged, ...row } = await rowOf(url, queue)
        return messages_unacknowledged === 0 && (row as { messages?: number }).messages === 0
      },
      30_000,
    )
  }
  assert.deepEqual([events, readers.flatMap(({ interruptions }) => interruptions)], [['up'], []])
})

test('messages that came together are handed over together', { skip }, async (context) => {
  const { broker } = await openProbe(context, await freshUrl())
  await broker.declare('lane')
  await broker.publish(letters('lane', ...Array.from({ length: 1_000 }, () => 'x')))
  const reader = read(broker, 'lane', 1_000)
  await reader.has(1_000)
  assert.ok(reader.sizes.length < 200, `${reader.sizes.length} deliveries of 1000 messages`)
})

test('after its end a subscription brings nothing; what it brought may still be settled', {
  skip,
}, async (context) => {
  const { broker } = await openProbe(context, await freshUrl())
  await broker.declare('lane')
  await broker.publish(letters('lane', ...Array.from({ length: 500 }, (_, number) => `${number}`)))
  // Closed at the first, while the others are on their way.
  let closing: Promise<void> | null = null
  const reader = read(broker, 'lane', 400, () => {
    closing ??= reader.subscription.close()
  })
  await reader.has(1)
  const count = reader.messages.length
  await closing
  await reader.subscription.close()
  assert.equal(reader.messages.length, count)
  for (const message of reader.messages) message.done()
  await eventually('the others are ready', async () => {
    const found = await broker.look('lane')
    return found?.ready === 500 - count && found.consumers === 0
  })
  assert.deepEqual(reader.interruptions, [])
})

test('to subscribe to a queue that does not exist is told, and hurts nobody else', {
  skip,
}, async (context) => {
  const { broker, events } = await openProbe(context, await freshUrl())
  await broker.declare('lane')
  const [reader, missing] = [read(broker, 'lane', 10, doneWith), read(broker, 'nowhere')]
  await eventually('it is told', () => missing.interruptions.length > 0)
  await broker.publish(letters('lane', 'x'))
  await reader.has(1)
  assert.deepEqual([missing.interruptions, reader.interruptions, events], [['gone'], [], ['up']])
})

test('news reach everybody else with the same prefix, in order, and nobody waits for them', {
  skip,
}, async (context) => {
  const url = await freshUrl()
  const [a, b, c] = [
    await openProbe(context, url),
    await openProbe(context, url),
    await openProbe(context, url),
  ]
  const other = await openProbe(context, url, { prefix: 'other' })
  for (const word of ['one', 'two', 'drei ö']) a.broker.tell(word)
  b.broker.tell('from b')
  other.broker.tell('to nobody')
  await eventually('all have heard', () => [a, b, c].every(({ news }, at) => news.length >= [1, 3, 4][at]!))
  assert.deepEqual(a.news, ['from b'])
  assert.deepEqual(b.news, ['one', 'two', 'drei ö'])
  assert.deepEqual(
    c.news.filter((word) => word !== 'from b'),
    ['one', 'two', 'drei ö'],
  )
  assert.deepEqual(other.news, [])
})

test('after close nothing is connected, and whoever asks hears that it is down', {
  skip,
}, async (context) => {
  const url = await freshUrl()
  const { broker, events } = await openProbe(context, url, { connectionName: 'to be closed' })
  await broker.declare('lane')
  const reader = read(broker, 'lane')
  await broker.publish(letters('lane', 'x'))
  await reader.has(1)
  const outstanding = broker.publish(letters('lane', 'y'))
  const outcome = outstanding.then(
    () => 'confirmed',
    (error: BrokerFailure) => error.kind,
  )
  await Promise.all([broker.close(), broker.close()])
  assert.ok(['confirmed', 'down'].includes(await outcome))
  assert.equal(broker.isUp, false)
  for (const call of [broker.publish(letters('lane', 'z')), broker.declare('lane'), broker.look('lane')]) {
    await assert.rejects(call, isFailure('down'))
  }
  broker.tell('nobody')
  reader.messages[0]?.done()
  const host = decodeURIComponent(new URL(url).pathname.slice(1))
  await eventually('its connections are gone', async () => {
    const rows = (await server.api('GET', `vhosts/${host}/connections`)) as unknown[]
    return rows.length === 0
  })
  assert.deepEqual([events, reader.interruptions], [['up'], []])
})
