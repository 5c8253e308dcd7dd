/** Real processes that send their traces to a receiver: one task, from the command that submits it to the handler's own span. */

import assert from 'node:assert/strict'
import { test } from 'node:test'
import { openOtlpSink, type SunkSpan } from '../../support/otlp-sink.ts'
import { freePorts } from '../../support/ports.ts'
import { chasqui, chasquiJson, startServer, startUp } from '../cli/chasqui.ts'

const tasks = new URL('./traced-tasks.ts', import.meta.url)

test('processes of all roles send one trace, and send it before they end', async (context) => {
  const sink = await openOtlpSink(context)
  const receiver = ['--otlp-endpoint', sink.endpoint]
  tasks.searchParams.set('receiver', `${sink.endpoint}/v1/traces`)
  const server = await startUp(context, { args: [tasks.href, ...receiver, '--log-format', 'json'] })
  const [record] = await chasquiJson([
    'submit',
    'charge',
    '{"cents":5}',
    '--wait',
    ...receiver,
    ...server.connect,
  ])
  const [again] = await chasquiJson(['submit', 'fail-once', '--wait', ...server.connect])
  assert.deepEqual([record!.state, again!.state], ['succeeded', 'succeeded'])
  server.child.kill('SIGTERM')
  assert.equal((await server.exited).code, 0)

  const own = sink.spans.filter(({ attributes }) => attributes['messaging.message.id'] === record!.id)
  const [submit, accept, deliver, run] = ['submit', 'accept', 'deliver', 'process'].map((operation) => {
    const spans = own.filter(({ name }) => name === `${operation} default`)
    assert.equal(spans.length, 1, operation)
    return spans[0]!
  })
  const inHandler = sink.spans.find(({ name }) => name === 'call the bank')!
  const path: readonly (readonly [SunkSpan | undefined, string, number, string | undefined])[] = [
    [submit, 'chasqui-submit', 4, undefined],
    [accept, 'chasqui-distributor', 2, submit!.spanId],
    [deliver, 'chasqui-distributor', 1, submit!.spanId],
    [run, 'chasqui-worker', 5, deliver!.spanId],
    [inHandler, 'handlers', 1, run!.spanId],
  ]
  assert.deepEqual(
    path.map(([span]) => [span!.service, span!.kind, span!.parentSpanId, span!.traceId]),
    path.map(([, service, kind, parent]) => [service, kind, parent, submit!.traceId]),
  )
  assert.equal(accept!.attributes['chasqui.engine'], 'embedded')
  assert.equal(accept!.attributes['chasqui.receipt.durability'], 'disk')
  assert.ok(run!.endNs > run!.startNs)
  // The retry of the other task links to its first attempt, though nobody traced its submitter.
  const retried = sink.spans.filter(
    ({ attributes, name }) => attributes['messaging.message.id'] === again!.id && name === 'process default',
  )
  assert.deepEqual(
    retried.map(({ links }) => links.map(({ spanId }) => spanId)),
    [[], [retried[0]!.spanId]],
  )
  assert.deepEqual([...new Set(sink.requests)], ['POST /v1/traces application/json'])
  const line = server.errorText
    .split('\n')
    .find((text) => text.includes('"worker.succeeded"') && text.includes(String(record!.id)))
  const { trace_id, span_id } = JSON.parse(line!) as Record<string, string>
  assert.deepEqual([trace_id, span_id], [run!.traceId, run!.spanId])
})

test('the standard variables do as well as the setting; a receiver that is away costs spans and no task', async (context) => {
  const sink = await openOtlpSink(context)
  const server = await startServer(context, ['distributor', '--engine', 'memory'])
  const env = { OTEL_EXPORTER_OTLP_ENDPOINT: sink.endpoint, OTEL_SERVICE_NAME: 'the shop' }
  const submit = (more: Readonly<Record<string, string>>) =>
    chasqui(['submit', 'sumar', '[5,7]', ...server.connect], { env: { ...env, ...more } })
  const nobody = `http://127.0.0.1:${await freePorts()}`
  const [off, disabled, wrong, away] = await Promise.all([
    submit({ OTEL_TRACES_SAMPLER: 'always_off' }),
    submit({ OTEL_SDK_DISABLED: 'true' }),
    submit({ OTEL_TRACES_SAMPLER: 'sometimes' }),
    submit({ OTEL_EXPORTER_OTLP_ENDPOINT: nobody }),
  ])
  assert.deepEqual([off.code, disabled.code, wrong.code, away.code], [0, 0, 1, 0])
  assert.match(wrong.stderr, /OTEL_TRACES_SAMPLER must be always_on, .*, not "sometimes"/)
  assert.match(away.stdout, /queued/)
  assert.match(away.stderr, /^traces: /m)
  assert.deepEqual([off.stderr, disabled.stderr, sink.requests], ['', '', []])
  assert.equal((await submit({})).code, 0)
  assert.deepEqual(
    sink.spans.map(({ service, name }) => [service, name]),
    [['the shop', 'submit default']],
  )
})
