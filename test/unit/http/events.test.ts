/** `/v1/events`: what is heard, what is resumed, what is dropped and told, and what it costs the others. */

import assert from 'node:assert/strict'
import { type TestContext, test } from 'node:test'
import type { Engine } from '../../../src/engine/engine.ts'
import { openMemoryEngine } from '../../../src/engine/memory/memory-engine.ts'
import { EVENT_FEEDS_MAX, EVENTS_KEPT_MAX } from '../../../src/task/limits.ts'
import { type EventStream, openEvents } from '../../support/event-stream.ts'
import { eventually } from '../../support/eventually.ts'
import { body, type HttpServer, openHttpServer } from '../../support/http-server.ts'
import { issue } from '../../support/tokens.ts'

async function submit({ ask }: HttpServer, ids: readonly string[], task: object = {}): Promise<void> {
  await body(ask('POST', '/v1/tasks', { body: { tasks: ids.map((id) => ({ id, type: 'x', ...task })) } }))
}

function idsOf(stream: EventStream): string[] {
  return stream.events.filter(({ event }) => event === 'task').map(({ data }) => data.id)
}

async function listen(
  context: TestContext,
  url: string,
  path?: string,
  headers?: Record<string, string>,
): Promise<EventStream> {
  const stream = await openEvents(url, path, headers)
  context.after(() => stream.close())
  return stream
}

test('a stream hears what happens to the tasks that it asked for, in order', async (context) => {
  const server = await openHttpServer(context)
  const all = await listen(context, server.url)
  const some = await listen(context, server.url, '/v1/events?queue=q&state=canceled&state=queued')
  const one = await listen(context, server.url, '/v1/events?ids=b')
  await submit(server, ['a', 'b'])
  await submit(server, ['c'], { queue: 'q' })
  await server.engine.cancel(['b', 'c'])
  await all.until('five events', ({ events }) => events.length === 5)
  assert.deepEqual(
    all.events.map(({ event, data }) => [event, data.id, data.state]),
    [
      ['task', 'a', 'queued'],
      ['task', 'b', 'queued'],
      ['task', 'c', 'queued'],
      ['task', 'b', 'canceled'],
      ['task', 'c', 'canceled'],
    ],
  )
  assert.deepEqual(Object.keys(all.events[0]!.data), ['at', 'id', 'type', 'queue', 'state', 'attempt'])
  await some.until('both of c', ({ events }) => events.length === 2)
  assert.deepEqual(idsOf(some), ['c', 'c'])
  await one.until('both of b', ({ events }) => events.length === 2)
  assert.deepEqual(idsOf(one), ['b', 'b'])
})

test('who was cut off goes on after the last event that he heard, and loses none', async (context) => {
  const server = await openHttpServer(context)
  const first = await listen(context, server.url)
  await submit(server, ['a', 'b'])
  await first.until('two events', ({ events }) => events.length === 2)
  first.close()
  await submit(server, ['c', 'd'])
  const second = await listen(context, server.url, '/v1/events', { 'last-event-id': first.events[0]!.id })
  await second.until('the rest', ({ events }) => events.length === 3)
  assert.deepEqual(idsOf(second), ['b', 'c', 'd'])
  // Also before anything was heard.
  const quiet = await listen(context, server.url)
  await quiet.until('its place', ({ lastEventId }) => lastEventId !== '')
  quiet.close()
  await submit(server, ['e'])
  const back = await listen(context, server.url, '/v1/events', { 'last-event-id': quiet.lastEventId })
  await back.until('what came meanwhile', ({ events }) => events.length === 1)
  assert.deepEqual(idsOf(back), ['e'])
})

test('what is not kept any more, or is of another server, is a reset and not a silence', async (context) => {
  const server = await openHttpServer(context)
  const first = await listen(context, server.url)
  await submit(server, ['a'])
  await first.until('one event', ({ events }) => events.length === 1)
  const ids = Array.from({ length: EVENTS_KEPT_MAX + 1 }, (_, index) => `t${index}`)
  await submit(server, ids)
  for (const lastEventId of [first.events[0]!.id, 'other.12', 'nonsense', `${'x'.repeat(500)}.1`]) {
    const stream = await listen(context, server.url, '/v1/events', { 'last-event-id': lastEventId })
    await stream.until('the reset', ({ events }) => events.length > 0)
    assert.equal(stream.events[0]!.event, 'reset', lastEventId)
    const after = `after ${lastEventId.slice(0, 20)}`
    await submit(server, [after])
    await stream.until('what comes then', ({ events }) => events.length > 1)
    assert.equal(stream.events[1]!.data.id, after)
  }
})

test('who does not keep up is told how many events he missed, and goes on', async (context) => {
  const server = await openHttpServer(context)
  const slow = await listen(context, server.url)
  slow.response.pause()
  // More than the sockets and the stream together hold, several times over.
  const note = 'x'.repeat(100)
  for (let round = 0; round < 12; round++) {
    const ids = Array.from({ length: 2_000 }, (_, index) => `${round}-${index}-${note.slice(0, 80)}`)
    await submit(server, ids, { type: note })
  }
  slow.response.resume()
  const droppedBy = ({ events }: EventStream) =>
    events.filter(({ event }) => event === 'dropped').reduce((total, { data }) => total + data.dropped, 0)
  await slow.until('all that is left', (stream) => idsOf(stream).length + droppedBy(stream) === 24_000)
  assert.ok(droppedBy(slow) > 0, 'something was dropped')
})

test('a thousand streams cost the engine one watch, and tasks are accepted as before', async (context) => {
  const engine = openMemoryEngine({})
  context.after(() => engine.close())
  let watches = 0
  const counted: Engine = new Proxy(engine, {
    get(target, name) {
      const value = Reflect.get(target, name)
      if (name === 'watch') watches++
      return typeof value === 'function' ? value.bind(target) : value
    },
  })
  const server = await openHttpServer(context, { engine: counted })
  const streams: EventStream[] = []
  context.after(() => {
    for (const stream of streams) stream.close()
  })
  for (let slice = 0; slice < 10; slice++) {
    const opened = Array.from({ length: 100 }, () => openEvents(server.url))
    streams.push(...(await Promise.all(opened)))
  }
  assert.equal(watches, 1)
  // Half of them do not read at all.
  for (const stream of streams.slice(500)) stream.response.pause()
  for (let round = 0; round < 10; round++) {
    await submit(
      server,
      Array.from({ length: 100 }, (_, index) => `${round}-${index}`),
    )
  }
  const ids = Array.from({ length: 1_000 }, (_, index) => `${Math.floor(index / 100)}-${index % 100}`)
  for (const stream of streams.slice(0, 500)) {
    await stream.until('all of them', ({ events }) => events.length >= 1_000)
    assert.deepEqual(idsOf(stream), ids)
  }
})

test('different questions are bounded; what nobody listens to makes room', async (context) => {
  const { url } = await openHttpServer(context)
  const path = (index: number) => `/v1/events?type=t${index}`
  const streams = []
  for (let index = 0; index < EVENT_FEEDS_MAX; index++) streams.push(await listen(context, url, path(index)))
  await assert.rejects(openEvents(url, path(EVENT_FEEDS_MAX)), /status 429/)
  await listen(context, url, path(0))
  await listen(context, url, '/v1/events?ids=a')
  streams[5]!.close()
  await eventually(
    'room for another question',
    () =>
      listen(context, url, path(EVENT_FEEDS_MAX)).then(
        () => true,
        () => false,
      ),
    60_000,
  )
})

test('nobody hears of tasks that he may not read', async (context) => {
  const { tokens, access } = issue({
    boss: { grants: [{ rights: ['admin'], queues: ['*'] }] },
    ana: { grants: [{ rights: ['read'], queues: ['ana-*'] }] },
    tenant: { grants: [{ rights: ['read'], queues: ['*'], keys: ['t1'] }] },
  })
  const server = await openHttpServer(context, { access })
  const as = (name: string) =>
    listen(context, server.url, '/v1/events', { authorization: `Bearer ${tokens[name]}` })
  const [boss, ana, tenant] = [await as('boss'), await as('ana'), await as('tenant')]
  const tasks = [
    { id: 'a', type: 'x', queue: 'bea-1' },
    { id: 'b', type: 'x', queue: 'ana-1' },
    { id: 'c', type: 'x', queue: 'bea-1', key: 't1' },
    { id: 'd', type: 'x', queue: 'ana-1', key: 't2' },
  ]
  await body(server.ask('POST', '/v1/tasks', { body: { tasks }, token: tokens.boss! }))
  await boss.until('all', ({ events }) => events.length === 4)
  await ana.until('those of her queue', ({ events }) => events.length === 2)
  await tenant.until('those of its key', ({ events }) => events.length === 1)
  assert.deepEqual([idsOf(ana), idsOf(tenant)], [['b', 'd'], ['c']])
  // Nor by a place of somebody who may.
  const peeking = await listen(context, server.url, '/v1/events', {
    authorization: `Bearer ${tokens.ana}`,
    'last-event-id': boss.events[0]!.id,
  })
  await peeking.until('the reset', ({ events }) => events.length > 0)
  assert.equal(peeking.events[0]!.event, 'reset')
})

test('a stream ends with the server, and says so', async (context) => {
  const { url, http } = await openHttpServer(context)
  const stream = await listen(context, url)
  const closing = http.close({ deadlineMs: 60_000 })
  await stream.until('the end', ({ isEnded }) => isEnded)
  assert.equal(stream.events.at(-1)!.event, 'end')
  await closing
})

test('a question that cannot be asked is refused before the stream begins', async (context) => {
  const { ask } = await openHttpServer(context)
  for (const query of ['state=gone', 'bogus=1', 'queue=']) {
    const refused = await ask('GET', `/v1/events?${query}`)
    assert.deepEqual([refused.status, refused.error], [400, 'INVALID_PARAMS'], query)
  }
})
