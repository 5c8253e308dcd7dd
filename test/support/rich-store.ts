/**
 * An embedded store with a task in every state and with everything that a task can have, made by an engine under a virtual clock. Its
 * queues: `default`, `mail`, `crashes` and `old`, whose only task is purged but counted.
 */

import assert from 'node:assert/strict'
import { type EmbeddedOptions, openEmbeddedEngine } from '../../src/engine/embedded/embedded-engine.ts'
import type { Consumer, Delivery, Engine } from '../../src/engine/engine.ts'
import type { VirtualClock } from '../../src/task/clock.ts'
import type { Outcome } from '../../src/task/outcome.ts'
import type { Submission } from '../../src/task/task.ts'
import { submission } from './submissions.ts'

export const RETENTION_MS = 3_600_000
export const WORKER = { id: 'worker-ñ', pid: 4711, host: 'andes' }
/** The end of the dedupe hold of task `dedupe`, after the last submit. */
export const DEDUPE_WINDOW_MS = 500_000
export const RICH_IDS = [
  'plain',
  'low',
  'high',
  'raw',
  'delayed',
  'expiring',
  'dedupe',
  'done',
  'retrying',
  'failed',
  'canceled',
  'expired',
  'revived',
  'crashed',
] as const

export function richOptions(dir: string, clock: VirtualClock): EmbeddedOptions {
  return { dir, clock, random: () => 0.5, retentionMs: RETENTION_MS, failedRetentionMs: 10 * RETENTION_MS }
}

/** Leaves `held`, delivered and not settled, when told to. */
export async function fillRichStore(
  dir: string,
  clock: VirtualClock,
  leaveHeld = false,
): Promise<Delivery[]> {
  const engine = await openEmbeddedEngine(richOptions(dir, clock))
  const submit = (...tasks: Submission[]) => engine.submit(tasks, 'disk')
  const settle = (delivery: Delivery, outcome: object) =>
    engine.settle([{ id: delivery.id, epoch: delivery.epoch, ...outcome } as Outcome])
  const error = (message: string) => ({ name: 'Error', message, stack: `Error: ${message}\n    at x` })

  await submit(submission('gone', { queue: 'old' }))
  await settle(await take(engine, 'old'), { kind: 'returned', valueText: '1' })
  await clock.advance(2 * RETENTION_MS)
  await untilGone(engine, clock, 'gone')

  await submit(
    submission('done', {
      queue: 'mail',
      options: { metadata: { traceparent: '00-é' }, key: 'tenant', owned: ['an-account', 3] },
    }),
  )
  const done = await take(engine, 'mail')
  await engine.report([
    { ...leaseOf(done), lines: [{ level: 'info', text: 'half\nway 😀', atMs: clock.nowMs() }] },
  ])
  await settle(done, { kind: 'threw', error: error('first'), retryable: true, retryAfterMs: 0 })
  const again = await take(engine, 'mail')
  await engine.report([
    { ...leaseOf(again), lines: [{ level: 'warn', text: '"quoted"', atMs: clock.nowMs() }] },
  ])
  await clock.advance(7)
  await settle(again, { kind: 'returned', valueText: '{"big":12345678901234567890,"a":1,"a":2}' })

  await submit(
    submission('retrying', {
      queue: 'mail',
      options: { maxAttempts: 9, backoff: { kind: 'list', delaysMs: [60_000] } },
    }),
  )
  await settle(await take(engine, 'mail'), { kind: 'threw', error: error('later'), retryable: true })
  await submit(submission('failed', { queue: 'mail' }))
  await settle(await take(engine, 'mail'), { kind: 'threw', error: error('never'), retryable: false })
  await submit(
    submission('canceled', { queue: 'mail' }),
    submission('revived', { queue: 'mail', options: { expiresAtMs: clock.nowMs() + 10 } }),
  )
  await engine.cancel(['canceled', 'revived'])
  await engine.retry({ ids: ['revived'] })
  await submit(submission('expired', { queue: 'mail', options: { expiresAtMs: clock.nowMs() + 5 } }))
  await clock.advance(20)
  await submit(submission('crashed', { queue: 'crashes', options: { maxCrashes: 7, timeoutMs: 1_000 } }))
  await settle(await take(engine, 'crashes'), { kind: 'crashed', error: error('gone') })

  await submit(
    submission('plain'),
    submission('low', { priority: 0 }),
    submission('high', { priority: 9 }),
    submission('raw', { dataText: '{ "a" : [1.0, 1e3],\n "a": "\\ud800" }', type: 'eco' }),
    submission('delayed', {
      runAtMs: clock.nowMs() + 30_000,
      options: { expiresAtMs: clock.nowMs() + 90_000 },
    }),
    submission('expiring', { priority: 1, options: { expiresAtMs: clock.nowMs() + 45_000 } }),
    submission('dedupe', { options: { dedupeKey: 'only', dedupeWindowMs: DEDUPE_WINDOW_MS } }),
  )
  const held: Delivery[] = []
  if (leaveHeld) {
    await submit(submission('held', { queue: 'held' }))
    held.push(await take(engine, 'held'))
  }
  await engine.close()
  return held
}

/** Everything that the port shows. */
export async function lookAt(engine: Engine) {
  const queues = (await engine.inspect()).queues
  return {
    records: await engine.get(RICH_IDS, { data: true }),
    logs: await Promise.all(RICH_IDS.map((id) => engine.log(id, 0))),
    list: (await engine.list({ limit: 100 })).tasks.map(({ id }) => id),
    queues: [...queues].sort((a, b) => (a.queue < b.queue ? -1 : 1)),
  }
}

/** The next task of a queue, by a consumer that takes one and leaves. */
export async function take(engine: Engine, queue: string): Promise<Delivery> {
  return (await takeAll(engine, [queue], 1))[0]!
}

/** So many tasks, in the order in which they are delivered; the consumer leaves and its leases stay. */
export async function takeAll(engine: Engine, queues: readonly string[], count: number): Promise<Delivery[]> {
  const taken: Delivery[] = []
  const { promise, resolve } = Promise.withResolvers<void>()
  const consumer: Consumer = await engine.consume(
    { queues, types: null, slots: count, prefetch: 1, worker: WORKER },
    {
      deliver(deliveries) {
        taken.push(...deliveries)
        if (taken.length >= count) resolve()
      },
      revoke() {},
    },
  )
  await promise
  await consumer.stop()
  assert.equal(taken.length, count)
  return taken
}

function leaseOf({ id, epoch }: Delivery) {
  return { id, epoch }
}

/** Purging goes in steps that a timer starts. */
async function untilGone(engine: Engine, clock: VirtualClock, id: string): Promise<void> {
  for (let step = 0; (await engine.get([id]))[0] !== null; step++) {
    assert.ok(step < 200, `${id} is purged in time`)
    await clock.advance(60_000)
  }
}
