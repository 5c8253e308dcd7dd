/** What happens to tasks is what the metrics say: every counter and histogram of the way of a task, with the numbers written out. */

import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { Delivery, Engine } from '../../../src/engine/engine.ts'
import { InstrumentedEngine } from '../../../src/engine/instrumented.ts'
import { openMemoryEngine } from '../../../src/engine/memory/memory-engine.ts'
import { showReport } from '../../../src/engine/report-gauges.ts'
import { VirtualClock } from '../../../src/task/clock.ts'
import { ChasquiError } from '../../../src/task/errors.ts'
import { METRIC_HELD_MAX, METRIC_LOOK_MS } from '../../../src/task/limits.ts'
import { Metrics } from '../../../src/telemetry/metrics/metrics.ts'
import { submission } from '../../support/submissions.ts'

const WORKER = { id: 'w', pid: 1, host: 'h' }

class Bench {
  readonly clock = new VirtualClock()
  readonly metrics = new Metrics({ of: ['tasks'], process: false })
  readonly engine: Engine
  readonly deliveries: Delivery[] = []

  constructor(inside?: Engine) {
    const engine = inside ?? openMemoryEngine({ clock: this.clock, random: () => 0.5, leaseMs: 10_000 })
    showReport(engine, this.metrics, () => this.clock.nowMs())
    this.engine = new InstrumentedEngine(engine, this.metrics, this.clock)
  }

  async consume(over: { readonly slots?: number; readonly types?: readonly string[] | null } = {}) {
    return this.engine.consume(
      { queues: ['default'], types: null, slots: 10, prefetch: 1, worker: WORKER, ...over },
      { deliver: (some) => void this.deliveries.push(...some), revoke() {} },
    )
  }

  /** Moves time on, and lets what that caused happen. */
  async advance(ms: number): Promise<void> {
    await this.clock.advance(ms)
    for (let turn = 0; turn < 3; turn++) await new Promise(setImmediate)
  }

  take(): Delivery {
    const delivery = this.deliveries.shift()
    assert.ok(delivery)
    return delivery
  }

  /** The lines that are not 0, of the families whose names contain one of these. */
  async lines(...names: readonly string[]): Promise<string[]> {
    const lines = (await this.metrics.text()).split('\n')
    return lines.filter(
      (line) =>
        names.some((name) => line.startsWith(`chasqui_${name}`)) &&
        !line.endsWith(' 0') &&
        !line.includes('_bucket{'),
    )
  }
}

/** A look is good for a second. */
function nextLook(): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, METRIC_LOOK_MS + 50))
}

const boom = { name: 'Error', message: 'boom' }

test('submissions are counted as new, duplicate and refused', async () => {
  const bench = new Bench()
  await bench.engine.submit(
    [submission('a'), submission('b'), submission('m', { type: 'eco', queue: 'mail' })],
    'disk',
  )
  await bench.engine.submit([submission('a'), submission('b', { dataText: '[1]' })], 'relaxed')
  assert.deepEqual(
    await bench.lines('tasks_submitted', 'tasks_confirmed', 'tasks_duplicate', 'tasks_refused'),
    [
      'chasqui_tasks_submitted_total{queue="default",type="sumar"} 4',
      'chasqui_tasks_submitted_total{queue="mail",type="eco"} 1',
      'chasqui_tasks_confirmed_total{queue="default",type="sumar"} 2',
      'chasqui_tasks_confirmed_total{queue="mail",type="eco"} 1',
      'chasqui_tasks_duplicate_total{queue="default",type="sumar"} 1',
      'chasqui_tasks_refused_total{reason="ID_CONFLICT"} 1',
    ],
  )
  const confirmations = await bench.lines('confirmation_seconds_count')
  assert.deepEqual(confirmations, ['chasqui_confirmation_seconds_count{durability="disk"} 3'])
})

test('a call that fails refuses each task of its batch, and fails as before', async () => {
  const failure = new ChasquiError('STORE_FAILED', 'the disk is gone')
  const bench = new Bench({
    ...openMemoryEngine(),
    kind: 'x',
    submit: () => Promise.reject(failure),
  } as Engine)
  await assert.rejects(bench.engine.submit([submission('a'), submission('b')], 'disk'), failure)
  assert.deepEqual(await bench.lines('tasks_refused'), [
    'chasqui_tasks_refused_total{reason="STORE_FAILED"} 2',
  ])
})

test('the way of a task with a failure, in counts and times', async () => {
  const bench = new Bench()
  const options = { backoff: { kind: 'fixed', delayMs: 2_000 } } as const
  await bench.engine.submit([submission('a', { options })], 'disk')
  await bench.advance(500)
  await bench.consume()
  await bench.advance(0)
  const first = bench.take()
  await bench.advance(250)
  const threw = {
    id: 'a',
    epoch: first.epoch,
    kind: 'threw',
    error: boom,
    retryable: true,
    runMs: 200,
  } as const
  await bench.engine.settle([threw])
  assert.deepEqual(await bench.lines('retries', 'attempts', 'tasks_finished'), [
    'chasqui_attempts_total{queue="default",type="sumar",outcome="threw"} 1',
    'chasqui_retries_total{queue="default",type="sumar"} 1',
  ])
  await bench.advance(2_000)
  const second = bench.take()
  await bench.engine.settle([{ id: 'a', epoch: second.epoch, kind: 'returned', valueText: '12', runMs: 50 }])
  assert.deepEqual(
    await bench.lines(
      'retries',
      'attempts',
      'tasks_',
      'start_delay',
      'run_seconds',
      'task_seconds',
      'outcomes',
    ),
    [
      'chasqui_tasks_submitted_total{queue="default",type="sumar"} 1',
      'chasqui_tasks_confirmed_total{queue="default",type="sumar"} 1',
      'chasqui_tasks_delivered_total{queue="default",type="sumar"} 2',
      'chasqui_tasks_redelivered_total{queue="default",type="sumar"} 1',
      'chasqui_attempts_total{queue="default",type="sumar",outcome="returned"} 1',
      'chasqui_attempts_total{queue="default",type="sumar",outcome="threw"} 1',
      'chasqui_retries_total{queue="default",type="sumar"} 1',
      'chasqui_tasks_finished_total{queue="default",type="sumar",state="succeeded"} 1',
      'chasqui_start_delay_seconds_sum{queue="default"} 0.5',
      'chasqui_start_delay_seconds_count{queue="default"} 2',
      'chasqui_run_seconds_sum{type="sumar"} 0.25',
      'chasqui_run_seconds_count{type="sumar"} 2',
      'chasqui_task_seconds_sum{queue="default"} 2.75',
      'chasqui_task_seconds_count{queue="default"} 1',
    ],
  )
})

test('an outcome that comes too late is one that was refused, and nothing else', async () => {
  const bench = new Bench()
  await bench.engine.submit([submission('a')], 'disk')
  await bench.consume()
  await bench.advance(0)
  const lost = bench.take()
  await bench.advance(12_000)
  const current = bench.take()
  assert.notEqual(current.epoch, lost.epoch)
  await bench.engine.settle([{ id: 'a', epoch: lost.epoch, kind: 'returned', valueText: '1' }])
  assert.deepEqual(await bench.lines('attempts', 'outcomes', 'leases', 'tasks_redelivered'), [
    'chasqui_tasks_redelivered_total{queue="default",type="sumar"} 1',
    'chasqui_outcomes_refused_total 1',
    'chasqui_leases_lapsed_total 1',
  ])
})

test('cancelled and revived tasks are counted when that changed something', async () => {
  const bench = new Bench()
  await bench.engine.submit([submission('a'), submission('b')], 'disk')
  await bench.engine.cancel(['a', 'b', 'unknown'])
  await bench.engine.cancel(['a'])
  await bench.engine.retry({ ids: ['b'] })
  assert.deepEqual(await bench.lines('tasks_canceled', 'tasks_revived'), [
    'chasqui_tasks_canceled_total 2',
    'chasqui_tasks_revived_total 1',
  ])
})

test('queues, work and who serves it are looked at when Prometheus asks', async () => {
  const bench = new Bench()
  await bench.engine.submit([submission('a'), submission('b', { type: 'nobody' })], 'disk')
  await bench.engine.submit([submission('s', { runAtMs: bench.clock.nowMs() + 60_000 })], 'disk')
  await bench.advance(3_000)
  await bench.consume({ slots: 4, types: ['sumar'] })
  await bench.advance(0)
  assert.deepEqual(await bench.lines('queue_', 'type_unserved', 'consumers', 'slots', 'held'), [
    'chasqui_queue_tasks{queue="default",state="scheduled"} 1',
    'chasqui_queue_tasks{queue="default",state="queued"} 1',
    'chasqui_queue_tasks{queue="default",state="running"} 1',
    'chasqui_queue_oldest_seconds{queue="default"} 3',
    'chasqui_queue_work_tasks{queue="default"} 2',
    'chasqui_queue_consumers{queue="default"} 1',
    'chasqui_type_unserved{queue="default",type="nobody"} 1',
    'chasqui_consumers 1',
    'chasqui_slots 4',
    'chasqui_held_deliveries 1',
  ])
})

test('a paused queue says so', async () => {
  const bench = new Bench()
  await bench.engine.submit([submission('a')], 'disk')
  assert.deepEqual(await bench.lines('queue_paused'), [])
  await bench.engine.steer({ kind: 'pause', queue: 'default' })
  await nextLook()
  assert.deepEqual(await bench.lines('queue_paused'), ['chasqui_queue_paused{queue="default"} 1'])
})

test('an engine that does not answer leaves its gauges out, and the counters stay', async () => {
  const inside = openMemoryEngine()
  const bench = new Bench(inside)
  await bench.engine.submit([submission('a')], 'disk')
  assert.notDeepEqual(await bench.lines('queue_tasks'), [])
  await inside.close()
  await nextLook()
  const text = await bench.metrics.text()
  assert.doesNotMatch(text, /^chasqui_queue_tasks\{/m)
  assert.match(text, /^chasqui_tasks_confirmed_total\{queue="default",type="sumar"\} 1$/m)
})

test('whatever clients name and workers leave behind, what is kept is bounded', async () => {
  const bench = new Bench()
  const sink = { deliver() {}, revoke() {} }
  const many: Delivery[] = []
  const fake: Engine = {
    ...openMemoryEngine(),
    consume: async (_request, given) => {
      given.deliver(many)
      return { id: 'c', ended: new Promise(() => {}), resize() {}, async stop() {} }
    },
    settle: async (outcomes) => outcomes.map(({ id }) => ({ id, accepted: true, state: 'succeeded' })),
  } as Engine
  const engine = new InstrumentedEngine(fake, bench.metrics, bench.clock)
  for (let n = 0; n <= METRIC_HELD_MAX; n++) {
    many.push({
      id: `t${n}`,
      type: `type${n % 1_000}`,
      queue: `queue${n % 700}`,
      priority: 4,
      dataText: '',
      metadata: null,
      key: null,
      attempt: 1,
      maxAttempts: 1,
      timeoutMs: null,
      epoch: 1,
      leaseMs: 1,
      createdAtMs: bench.clock.nowMs(),
    })
  }
  await engine.consume({ queues: ['q'], types: null, slots: 1, prefetch: 1, worker: WORKER }, sink)
  const delivered = await bench.lines('tasks_delivered')
  // A hundred names of each have series of their own, fifteen deliveries in each; the rest is one.
  assert.equal(delivered.length, 101)
  assert.equal(delivered.filter((line) => line.endsWith(' 15')).length, 100)
  assert.ok(delivered.includes('chasqui_tasks_delivered_total{queue="other",type="other"} 98501'))
  // The first was forgotten for the last.
  await engine.settle([
    { id: 't0', epoch: 1, kind: 'returned', valueText: '1' },
    { id: `t${METRIC_HELD_MAX}`, epoch: 1, kind: 'returned', valueText: '1' },
  ])
  assert.deepEqual((await bench.lines('task_seconds_count')).filter((line) => line.endsWith(' 1')).length, 1)
})
