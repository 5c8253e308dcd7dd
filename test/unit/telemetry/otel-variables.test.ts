/** What turns traces on, and how they are sampled. */

import assert from 'node:assert/strict'
import { test } from 'node:test'
import { tracePlan } from '../../../src/telemetry/otel-variables.ts'

const ENDPOINT = 'http://collector:4318'

test('nobody asked: there are no traces', () => {
  assert.equal(tracePlan(undefined, {}), null)
  assert.equal(tracePlan(undefined, { OTEL_SERVICE_NAME: 'mine', OTEL_TRACES_SAMPLER: 'always_on' }), null)
  assert.equal(tracePlan(undefined, { OTEL_EXPORTER_OTLP_ENDPOINT: ' ' }), null)
  assert.equal(
    tracePlan(undefined, { OTEL_EXPORTER_OTLP_ENDPOINT: ENDPOINT, OTEL_TRACES_EXPORTER: 'none' }),
    null,
  )
  assert.equal(tracePlan(ENDPOINT, { OTEL_SDK_DISABLED: 'true' }), null)
})

test('the setting is a base, as the variable is, and wins over it', () => {
  assert.equal(tracePlan(ENDPOINT, {})?.url, `${ENDPOINT}/v1/traces`)
  assert.equal(tracePlan(`${ENDPOINT}/otlp/`, {})?.url, `${ENDPOINT}/otlp/v1/traces`)
  const variables = { OTEL_EXPORTER_OTLP_ENDPOINT: 'http://other:4318', OTEL_TRACES_EXPORTER: 'none' }
  assert.equal(tracePlan(ENDPOINT, variables)?.url, `${ENDPOINT}/v1/traces`)
})

test('each variable that names a receiver turns traces on, and leaves its address to the exporter', () => {
  for (const name of ['OTEL_EXPORTER_OTLP_ENDPOINT', 'OTEL_EXPORTER_OTLP_TRACES_ENDPOINT']) {
    const plan = tracePlan(undefined, { [name]: ENDPOINT })
    assert.deepEqual([plan?.exporter, plan?.url], ['otlp', null])
  }
  assert.equal(tracePlan(undefined, { OTEL_TRACES_EXPORTER: 'otlp' })?.exporter, 'otlp')
  assert.equal(tracePlan(undefined, { OTEL_TRACES_EXPORTER: 'console' })?.exporter, 'console')
})

test('the sampler: everything that its parent has, unless a variable says otherwise', () => {
  const sampler = (name?: string, arg?: string) =>
    tracePlan(ENDPOINT, { OTEL_TRACES_SAMPLER: name, OTEL_TRACES_SAMPLER_ARG: arg })?.sampler
  const usual = { name: 'parentbased_always_on', root: 'on', ratio: 1, followsParent: true }
  assert.deepEqual(sampler(), usual)
  assert.deepEqual(sampler('always_off'), { ...usual, name: 'always_off', root: 'off', followsParent: false })
  assert.deepEqual(sampler('parentbased_traceidratio', '0.25'), {
    name: 'parentbased_traceidratio 0.25',
    root: 'ratio',
    ratio: 0.25,
    followsParent: true,
  })
})

test('the queue in front of the exporter', () => {
  const variables = {
    OTEL_BSP_SCHEDULE_DELAY: '100',
    OTEL_BSP_EXPORT_TIMEOUT: '200',
    OTEL_BSP_MAX_QUEUE_SIZE: '300',
    OTEL_BSP_MAX_EXPORT_BATCH_SIZE: '40',
  }
  assert.deepEqual(tracePlan(ENDPOINT, variables)?.batch, {
    scheduledDelayMillis: 100,
    exportTimeoutMillis: 200,
    maxQueueSize: 300,
    maxExportBatchSize: 40,
  })
})

test('what cannot be used is named', () => {
  const wrong: readonly [Readonly<Record<string, string>>, RegExp][] = [
    [
      { OTEL_TRACES_EXPORTER: 'zipkin' },
      /^OTEL_TRACES_EXPORTER must be otlp, console or none, not "zipkin"$/,
    ],
    [
      { OTEL_EXPORTER_OTLP_ENDPOINT: ENDPOINT, OTEL_TRACES_SAMPLER: 'jaeger_remote' },
      /^OTEL_TRACES_SAMPLER must be/,
    ],
    [
      { OTEL_TRACES_EXPORTER: 'otlp', OTEL_TRACES_SAMPLER: 'traceidratio', OTEL_TRACES_SAMPLER_ARG: '2' },
      /^OTEL_TRACES_SAMPLER_ARG must be a number from 0 to 1, not "2"$/,
    ],
    [
      { OTEL_TRACES_EXPORTER: 'otlp', OTEL_BSP_MAX_QUEUE_SIZE: '-1' },
      /^OTEL_BSP_MAX_QUEUE_SIZE must be a whole number/,
    ],
  ]
  for (const [variables, message] of wrong) {
    assert.throws(() => tracePlan(undefined, variables), { code: 'CONFIG_INVALID', message })
  }
})
