/** The exposition: what Prometheus reads is what was counted, and its own tool finds nothing to mind. */

import assert from 'node:assert/strict'
import { spawnSync } from 'node:child_process'
import { test } from 'node:test'
import { Metrics } from '../../../src/telemetry/metrics/metrics.ts'
import { METRICS, type MetricEntry } from '../../../src/telemetry/metrics/table.ts'
import { needProgram } from '../../support/real-parts.ts'

const promtool = needProgram('promtool')

function linesOf(text: string, name: string): string[] {
  return text.split('\n').filter((line) => line.startsWith(name))
}

test('a histogram with weights is what as many observations would have made', async () => {
  const metrics = new Metrics({ of: ['tasks'], process: false })
  const sync = metrics.distribution('chasqui_store_sync_seconds')
  sync.observe(0.0002, 3)
  sync.observe(0.00025)
  sync.observe(2, 2)
  sync.observe(100)
  const lines = linesOf(await metrics.text(), 'chasqui_store_sync_seconds')
  assert.deepEqual(lines, [
    'chasqui_store_sync_seconds_bucket{le="0.0001"} 0',
    'chasqui_store_sync_seconds_bucket{le="0.00025"} 4',
    'chasqui_store_sync_seconds_bucket{le="0.0005"} 4',
    'chasqui_store_sync_seconds_bucket{le="0.001"} 4',
    'chasqui_store_sync_seconds_bucket{le="0.0025"} 4',
    'chasqui_store_sync_seconds_bucket{le="0.005"} 4',
    'chasqui_store_sync_seconds_bucket{le="0.01"} 4',
    'chasqui_store_sync_seconds_bucket{le="0.025"} 4',
    'chasqui_store_sync_seconds_bucket{le="0.05"} 4',
    'chasqui_store_sync_seconds_bucket{le="0.1"} 4',
    'chasqui_store_sync_seconds_bucket{le="0.25"} 4',
    'chasqui_store_sync_seconds_bucket{le="0.5"} 4',
    'chasqui_store_sync_seconds_bucket{le="1"} 4',
    'chasqui_store_sync_seconds_bucket{le="5"} 6',
    'chasqui_store_sync_seconds_bucket{le="+Inf"} 7',
    `chasqui_store_sync_seconds_sum ${0.0002 * 3 + 0.00025 + 4 + 100}`,
    'chasqui_store_sync_seconds_count 7',
  ])
})

test('names that clients choose are escaped, and limited in number', async () => {
  const metrics = new Metrics({ of: ['tasks'], process: false })
  metrics.counter('chasqui_tasks_submitted_total').of('a "b"\\\n', 't').value = 2
  assert.deepEqual(linesOf(await metrics.text(), 'chasqui_tasks_submitted_total{'), [
    'chasqui_tasks_submitted_total{queue="a \\"b\\"\\\\\\n",type="t"} 2',
  ])
  for (let n = 0; n < 100; n++) assert.equal(metrics.queues.of(`q${n}`), `q${n}`)
  assert.equal(metrics.queues.of('one too many'), 'other')
  assert.equal(metrics.queues.of('q7'), 'q7')
})

test('a look that fails costs its own gauges and not the scrape', async () => {
  const metrics = new Metrics({ of: ['tasks'], process: false })
  metrics.onScrape(() => {
    throw new Error('the engine is gone')
  })
  metrics.onScrape(() => metrics.set('chasqui_consumers', 3))
  assert.deepEqual(linesOf(await metrics.text(), 'chasqui_consumers'), ['chasqui_consumers 3'])
})

test('scrapes that come together are one look', async () => {
  const metrics = new Metrics({ of: ['tasks'], process: false })
  let looks = 0
  metrics.onScrape(async () => {
    looks++
    await new Promise(setImmediate)
  })
  await Promise.all([metrics.text(), metrics.text(), metrics.text()])
  assert.equal(looks, 1)
  await metrics.text()
  assert.equal(looks, 2)
})

test('a process shows the families of its role and no others', async () => {
  const text = await new Metrics({ of: ['worker'], process: false }).text()
  assert.match(text, /^# TYPE chasqui_worker_slots gauge$/m)
  assert.doesNotMatch(text, /chasqui_tasks_|chasqui_connections/)
})

test('promtool finds nothing to mind in all of them', { skip: promtool.skip }, async () => {
  const metrics = new Metrics({ of: ['tasks', 'distributor', 'worker', 'process'] })
  // Every family with a series, or the tool would see only its heading.
  for (const [name, entry] of Object.entries(METRICS) as [keyof typeof METRICS, MetricEntry][]) {
    const labels = entry.labels.map((label) => `a ${label}`)
    if (entry.kind === 'histogram')
      metrics
        .histogram(name as 'chasqui_run_seconds')
        .of(...labels)
        .observe(1)
    else metrics.set(name as 'chasqui_consumers', 1, ...labels)
  }
  const input = await metrics.text()
  assert.match(input, /^process_resident_memory_bytes \d/m)
  assert.match(input, /^nodejs_eventloop_lag_p99_seconds \d/m)
  const { status, stdout, stderr } = spawnSync('promtool', ['check', 'metrics'], { input, encoding: 'utf8' })
  assert.equal(`${stdout}${stderr}`, '')
  assert.equal(status, 0)
})

test('promtool is one that minds', { skip: promtool.skip }, () => {
  const input = '# HELP tasks_total t\n# TYPE tasks_total gauge\ntasks_total 1\n'
  const { status, stderr } = spawnSync('promtool', ['check', 'metrics'], { input, encoding: 'utf8' })
  assert.match(stderr, /non-counter metrics should not have "_total" suffix/)
  assert.notEqual(status, 0)
})
