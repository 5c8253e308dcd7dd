/** The parts of a session that can be looked at alone. */

import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import { Batch } from '../../../src/distributor/calls.ts'
import { Consumers } from '../../../src/distributor/consumers.ts'
import { Intake } from '../../../src/distributor/intake.ts'
import { ReadLane } from '../../../src/distributor/read-lane.ts'
import { TurnBatch } from '../../../src/distributor/turn-batch.ts'
import { Watches } from '../../../src/distributor/watches.ts'
import type { Engine, TaskEvent } from '../../../src/engine/engine.ts'
import type { ChasquiError } from '../../../src/task/errors.ts'
import { REPLY_LENGTH_MAX } from '../../../src/task/limits.ts'
import { openLog } from '../../../src/telemetry/log.ts'

const turn = () => new Promise<void>((resolve) => setImmediate(resolve))

describe('turn batch', () => {
  const collected = () => {
    const heard: unknown[] = []
    const part = (name: string) => ({
      succeed: (answers: readonly unknown[]) => heard.push([name, answers]),
      fail: (error: unknown) => heard.push([name, (error as Error).message]),
    })
    return { heard, part }
  }

  test('asks once a turn, and gives each part its own answers', async () => {
    const { heard, part } = collected()
    const asked: (readonly number[])[] = []
    const batch = new TurnBatch<number, string>(
      async (items) => {
        asked.push(items)
        return items.map(String)
      },
      () => heard.push('answered'),
    )
    batch.add([1, 2], part('a'))
    batch.add([], part('b'))
    batch.add([3], part('c'))
    batch.flush()
    batch.flush()
    batch.add([4], part('d'))
    batch.flush()
    await turn()
    assert.deepEqual(asked, [[1, 2, 3], [4]])
    assert.deepEqual(heard, [
      ['a', ['1', '2']],
      ['b', []],
      ['c', ['3']],
      'answered',
      ['d', ['4']],
      'answered',
    ])
  })

  test('when the call fails, at once or later, every part hears it', async () => {
    const { heard, part } = collected()
    const batch = new TurnBatch<number, string>(
      () => {
        throw new Error('no')
      },
      () => {},
    )
    batch.add([1], part('a'))
    batch.add([2], part('b'))
    batch.flush()
    await turn()
    assert.deepEqual(heard, [
      ['a', 'no'],
      ['b', 'no'],
    ])
  })
})

test('read lane: few at a time, in order, none while paused, and a job that fails makes room', async () => {
  const lane = new ReadLane(2)
  const started: number[] = []
  const gates = Array.from({ length: 5 }, () => Promise.withResolvers<number>())
  const results = gates.map((gate, n) =>
    lane.run(() => {
      started.push(n)
      return gate.promise
    }),
  )
  assert.deepEqual(started, [0, 1])
  gates[1]!.reject(new Error('no'))
  await assert.rejects(results[1]!)
  assert.deepEqual(started, [0, 1, 2])
  lane.pause()
  gates[0]!.resolve(7)
  assert.equal(await results[0], 7)
  await turn()
  assert.deepEqual(started, [0, 1, 2])
  lane.resume()
  assert.deepEqual(started, [0, 1, 2, 3])
  gates[2]!.resolve(0)
  await results[2]
  assert.deepEqual(started, [0, 1, 2, 3, 4])
})

describe('watches', () => {
  const event = (id: string): TaskEvent => ({
    atMs: 0,
    id,
    type: 'a',
    queue: 'q',
    state: 'queued',
    attempt: 0,
  })

  function openWatches() {
    const sent: [string, number | undefined][] = []
    const state = { congested: false, say: (_: readonly TaskEvent[]) => {}, closed: 0 }
    const engine: Pick<Engine, 'watch'> = {
      watch: async (_, listener) => {
        state.say = listener
        return {
          close: async () => {
            state.closed++
          },
        }
      },
    }
    const watches = new Watches({
      engine: engine as Engine,
      watchesMax: 10,
      idsMax: 10,
      send: (text) => {
        const { id, dropped } = JSON.parse(text).params
        sent.push([id, dropped])
      },
      isCongested: () => state.congested,
    })
    return { watches, state, sent }
  }

  test('what comes before the peer knows the name of the watch is not sent before it', async () => {
    const { watches, state, sent } = openWatches()
    const watch = await watches.open({})
    state.say([event('a'), event('b')])
    assert.deepEqual(sent, [])
    watch.start()
    state.say([event('c')])
    assert.deepEqual(sent, [
      ['b', 1],
      ['c', undefined],
    ])
  })

  test('a reader that does not keep up gets the newest event and the number of the others', async () => {
    const { watches, state, sent } = openWatches()
    ;(await watches.open({})).start()
    state.say([event('a')])
    state.congested = true
    state.say([event('b'), { ...event('c'), dropped: 5 }, event('d')])
    state.say([event('e')])
    state.congested = false
    watches.drained()
    state.say([event('f')])
    assert.deepEqual(sent, [
      ['a', undefined],
      ['e', 8],
      ['f', undefined],
    ])
  })

  test('a watch that was opened while the connection ended is closed', async () => {
    const { watches, state } = openWatches()
    const opening = watches.open({})
    await watches.closeAll()
    await opening
    assert.equal(state.closed, 1)
  })
})

test('deliveries that come before the peer knows the name of the consumer are sent after it', async () => {
  const sent: string[] = []
  const engine: Pick<Engine, 'consume'> = {
    consume: async (_, sink) => {
      sink.revoke([{ id: 'early', epoch: 1 }])
      return { id: 'c7', resize: () => {}, stop: async () => {}, ended: new Promise(() => {}) }
    },
  }
  const consumers = new Consumers({
    engine: engine as Engine,
    consumersMax: 1,
    log: openLog({ level: 'silent' }),
    send: (text) => sent.push(text),
    onFailed: () => {},
    onDelivered: () => {},
    onRevoked: () => {},
  })
  const wire = { queues: ['q'], types: null, slots: 1, prefetch: 1, payload: 'json' as const }
  const consumer = await consumers.open(wire, { id: 'w', pid: 1, host: 'h' })
  assert.deepEqual(sent, [])
  consumer.start()
  assert.deepEqual(
    sent.map((text) => JSON.parse(text).params),
    [{ consumer: 'c7', leases: [{ id: 'early', epoch: 1 }] }],
  )
})

test('intake: whoever goes over the limit of all is refused, whoever gives back is not', () => {
  const intake = new Intake(100)
  assert.equal(intake.change(0, 60), true)
  assert.equal(intake.change(0, 50), false)
  assert.equal(intake.change(50, 45), true)
  assert.equal(intake.change(60, 0), true)
  assert.equal(intake.change(45, 100), true)
})

test('a batch whose replies get too long says so instead of the reply', () => {
  const sent: string[] = []
  let finished = 0
  const batch = new Batch({
    send: (text) => sent.push(text),
    onFinished: () => finished++,
    wireError: (error) => error as ChasquiError,
  })
  const first = batch.request(1, 'task.get')
  const second = batch.request(2, 'task.get')
  batch.begun()
  first.succeed('1')
  assert.deepEqual(sent, [])
  second.succeed(' '.repeat(REPLY_LENGTH_MAX))
  assert.deepEqual(
    JSON.parse(sent[0]!).map(({ id, error }: { id: number; error?: { data: { name: string } } }) => [
      id,
      error?.data.name,
    ]),
    [
      [1, undefined],
      [2, 'INVALID_PARAMS'],
    ],
  )
  assert.equal(finished, 2)
})
