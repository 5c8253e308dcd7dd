/** The spans of one process, in memory: client, engine and worker as an application has them that registers an SDK of its own. */

import assert from 'node:assert/strict'
import { after, beforeEach, type TestContext, test } from 'node:test'
import { fileURLToPath } from 'node:url'
import { context, SpanKind, SpanStatusCode, trace } from '@opentelemetry/api'
import { AsyncLocalStorageContextManager } from '@opentelemetry/context-async-hooks'
import {
  InMemorySpanExporter,
  ParentBasedSampler,
  type ReadableSpan,
  type Sampler,
  SamplingDecision,
  SimpleSpanProcessor,
  TracerProvider,
} from '@opentelemetry/sdk-trace'
import { createClient } from '../../../src/client/client.ts'
import { TracedEngine } from '../../../src/engine/traced-engine.ts'
import { METADATA_LENGTH_MAX } from '../../../src/task/limits.ts'
import { openBench } from '../worker/harness.ts'

const exporter = new InMemorySpanExporter()
let isSampling = true
const root: Sampler = {
  shouldSample: () => ({
    decision: isSampling ? SamplingDecision.RECORD_AND_SAMPLED : SamplingDecision.NOT_RECORD,
  }),
  toString: () => 'as the test says',
}
const provider = new TracerProvider({
  sampler: new ParentBasedSampler({ root }),
  spanProcessors: [new SimpleSpanProcessor({ exporter })],
})
context.setGlobalContextManager(new AsyncLocalStorageContextManager().enable())
trace.setGlobalTracerProvider(provider)
const application = trace.getTracer('application')

beforeEach(() => {
  isSampling = true
  exporter.reset()
})
after(() => provider.shutdown())

const [TASKS, MIDDLEWARE] = ['./traced-tasks.ts', './traced-middleware.ts'].map((name) =>
  fileURLToPath(new URL(name, import.meta.url)),
) as [string, string]

async function openSystem(
  test: { readonly after: (close: () => Promise<void>) => void },
  modules: readonly string[],
) {
  const bench = await openBench(test as unknown as TestContext, {
    modules,
    wrap: (engine) => new TracedEngine(engine),
  })
  // What the client submits goes through the same engine as the worker takes from.
  const engine = new TracedEngine(bench.engine)
  return { ...bench, traced: engine, client: createClient(engine) }
}

/** Of all tests: threads that load an SDK take their time. */
const { client, traced, events } = await openSystem({ after }, [TASKS])

/** What `charge` answers. */
interface Told {
  readonly traceparent: string
  readonly traceId: string
  readonly spanId: string
  readonly parentSpanId: string
}

/** Of one task, once all that was begun for it has ended: the spans by operation. */
function spansOf(id: string): Partial<Record<string, ReadableSpan[]>> {
  const own = exporter.getFinishedSpans().filter((span) => span.attributes['messaging.message.id'] === id)
  return Object.groupBy(own, (span) => String(span.attributes['messaging.operation.name']))
}

const parentOf = (span: ReadableSpan) => span.parentSpanContext?.spanId
const idOf = (span: ReadableSpan) => span.spanContext().spanId

test('client, engine, worker and handler are one trace, each span under the one before', async () => {
  const task = await application.startActiveSpan('the order', async (span) => {
    const submitted = await client.submit<Told>('charge', { cents: 5 })
    span.end()
    return submitted
  })
  const told = await task.result()
  const { submit, accept, deliver, process: run } = spansOf(task.id)
  const order = exporter.getFinishedSpans().find(({ name }) => name === 'the order')!
  assert.deepEqual([submit?.length, accept?.length, deliver?.length, run?.length], [1, 1, 1, 1])
  assert.equal(parentOf(submit![0]!), idOf(order))
  assert.equal(parentOf(accept![0]!), idOf(submit![0]!))
  assert.equal(parentOf(deliver![0]!), idOf(submit![0]!))
  assert.equal(parentOf(run![0]!), idOf(deliver![0]!))
  const traceId = order.spanContext().traceId
  for (const spans of [submit, accept, deliver, run]) assert.equal(spans![0]!.spanContext().traceId, traceId)
  // In the thread: what the handler is told, and what its own spans follow on.
  assert.equal(told.traceparent, `00-${traceId}-${idOf(run![0]!)}-01`)
  assert.deepEqual([told.traceId, told.parentSpanId], [traceId, idOf(run![0]!)])
})

test('a handler in a process of its own is in the trace likewise', async () => {
  const task = await client.submit<Told>('charge-apart', null)
  const told = await task.result()
  const [span] = spansOf(task.id).process!
  assert.equal(told.traceparent, `00-${span!.spanContext().traceId}-${idOf(span!)}-01`)
  assert.deepEqual([told.traceId, told.parentSpanId], [span!.spanContext().traceId, idOf(span!)])
})

test('names, kinds and attributes are those of the conventions for messaging', async () => {
  const task = await client.submit('charge', 'é', { id: 'pay-7' })
  await task.result()
  const { submit, accept, deliver, process: run } = spansOf('pay-7')
  const common = {
    'messaging.system': 'chasqui',
    'messaging.destination.name': 'default',
    'messaging.message.id': 'pay-7',
    'chasqui.task.type': 'charge',
  }
  const told = ([span]: readonly ReadableSpan[] = []) => {
    const {
      'chasqui.worker.id': _,
      'chasqui.worker.host': __,
      'messaging.client.id': ___,
      ...rest
    } = span!.attributes
    return [span!.name, SpanKind[span!.kind], span!.status.code, rest]
  }
  const fine = SpanStatusCode.UNSET
  assert.deepEqual(told(submit), [
    'submit default',
    'PRODUCER',
    fine,
    {
      ...common,
      'messaging.operation.name': 'submit',
      'messaging.operation.type': 'send',
      'messaging.message.body.size': 4,
      'chasqui.receipt.duplicate': false,
    },
  ])
  assert.deepEqual(told(accept), [
    'accept default',
    'SERVER',
    fine,
    {
      ...common,
      'messaging.operation.name': 'accept',
      'chasqui.engine': 'memory',
      'chasqui.submit.batch': 1,
      'chasqui.receipt.durability': 'memory',
      'chasqui.receipt.duplicate': false,
      'chasqui.task.state': 'queued',
    },
  ])
  assert.deepEqual(told(deliver), [
    'deliver default',
    'INTERNAL',
    fine,
    {
      ...common,
      'messaging.operation.name': 'deliver',
      'chasqui.engine': 'memory',
      'chasqui.task.attempt': 1,
      'chasqui.outcome': 'returned',
      'chasqui.task.state': 'succeeded',
    },
  ])
  const [name, kind, status, attributes] = told(run)
  const { 'chasqui.run_ms': runMs, ...rest } = attributes as Record<string, unknown>
  assert.deepEqual(
    [name, kind, status, rest],
    [
      'process default',
      'CONSUMER',
      fine,
      {
        ...common,
        'messaging.operation.name': 'process',
        'messaging.operation.type': 'process',
        'messaging.message.body.size': 4,
        'chasqui.task.attempt': 1,
        'chasqui.task.max_attempts': 5,
        'chasqui.outcome': 'returned',
        'chasqui.thread': 1,
      },
    ],
  )
  assert.ok((runMs as number) > 0)
  assert.deepEqual(
    run![0]!.events.map((event) => event.name),
    ['chasqui.handler.started'],
  )
})

test('each attempt has its span; the next one links to the one that failed', async () => {
  const task = await client.submit<string>('fail-once', null)
  const told = await task.result()
  const { deliver, process: run } = spansOf(task.id)
  assert.deepEqual(
    run!.map((span) => [
      span.attributes['chasqui.task.attempt'],
      span.status.code,
      span.attributes['error.type'],
    ]),
    [
      [1, SpanStatusCode.ERROR, 'TypeError'],
      [2, SpanStatusCode.UNSET, undefined],
    ],
  )
  for (const spans of [deliver, run]) {
    const [first, second] = spans!
    assert.deepEqual(first!.links, [])
    assert.deepEqual(
      second!.links.map((link) => link.context.spanId),
      [idOf(first!)],
    )
    assert.equal(second!.spanContext().traceId, first!.spanContext().traceId)
  }
  assert.equal(deliver![0]!.attributes['chasqui.task.state'], 'scheduled')
  assert.ok(told.includes(idOf(run![1]!)))
})

test('log lines of attempts carry the ids of trace and span', async () => {
  const task = await client.submit('charge', null)
  await task.result()
  const [span] = spansOf(task.id).process!
  const line = events.find((event) => event.startsWith('worker.succeeded') && event.includes(task.id))
  const { trace_id, span_id } = JSON.parse(line!.slice(line!.indexOf('{'))) as Record<string, string>
  assert.deepEqual([trace_id, span_id], [span!.spanContext().traceId, idOf(span!)])
})

test('a task from a program without traces begins one where it is taken in', async () => {
  const bare = {
    id: 'bare',
    type: 'charge',
    queue: 'default',
    priority: 4,
    dataText: '1',
    runAtMs: 0,
    options: null,
  }
  await traced.submit([bare], 'memory')
  await client.task('bare').result()
  const { submit, accept, process: run } = spansOf('bare')
  assert.equal(submit, undefined)
  assert.equal(parentOf(accept![0]!), undefined)
  assert.equal(run![0]!.spanContext().traceId, accept![0]!.spanContext().traceId)
})

test('a trace that is given in the metadata is followed', async () => {
  const traceparent = '00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01'
  const metadata = { traceparent, tracestate: 'vendor=1', tenant: 'ana' }
  const task = await client.submit('charge', null, { metadata })
  await task.result()
  const [submit] = spansOf(task.id).submit!
  assert.deepEqual(
    [submit!.spanContext().traceId, parentOf(submit!)],
    [traceparent.slice(3, 35), traceparent.slice(36, 52)],
  )
  const [record] = await client.get([task.id])
  assert.deepEqual(record!.metadata, {
    tenant: 'ana',
    traceparent: `00-${traceparent.slice(3, 35)}-${idOf(submit!)}-01`,
    tracestate: 'vendor=1',
  })
})

test('submitting again in another trace is the same task, and not a conflict', async () => {
  const submit = () => client.submit('charge', { a: 1 }, { id: 'once', metadata: { tenant: 'ana' } })
  const first = await submit()
  const second = await submit()
  assert.deepEqual([first.receipt?.duplicate, second.receipt?.duplicate], [false, true])
  await first.result()
  const traces = spansOf('once').submit!.map((span) => span.spanContext().traceId)
  assert.equal(new Set(traces).size, 2)
  const other = client.submit('charge', { a: 1 }, { id: 'once', metadata: { tenant: 'eva' } })
  await assert.rejects(other, { code: 'ID_CONFLICT' })
  assert.equal(spansOf('once').submit!.at(-1)!.attributes['error.type'], 'ID_CONFLICT')
})

test('what is not sampled leaves no span anywhere, and its trace goes on unsampled', async () => {
  isSampling = false
  const task = await client.submit<Told>('charge', null)
  isSampling = true
  const told = await task.result()
  assert.deepEqual(Object.keys(spansOf(task.id)), [])
  assert.match(told.traceparent, /-00$/)
})

test('metadata without room for a trace stays as it is, and the task is run', async () => {
  const metadata = { a: 'x'.repeat(METADATA_LENGTH_MAX - 1) }
  const task = await client.submit('charge', null, { metadata })
  await task.result()
  const [record] = await client.get([task.id])
  assert.deepEqual(record!.metadata, metadata)
})

test('a refused submission ends its span with the code of the error', async () => {
  const small = createClient(traced, { pendingTasksMax: 1 })
  const [one, two] = await Promise.allSettled([
    small.submit('charge'),
    small.submit('charge', null, { id: 'over' }),
  ])
  assert.deepEqual([one!.status, two!.status], ['fulfilled', 'rejected'])
  const [span] = spansOf('over').submit!
  assert.deepEqual([span!.status.code, span!.attributes['error.type']], [SpanStatusCode.ERROR, 'BUFFER_FULL'])
})

test('middleware of the worker stands between the attempt and the handler, in the trace as well', async (context) => {
  const own = await openSystem(context, [TASKS, MIDDLEWARE])
  const task = await own.client.submit<Told & { around: Told }>('charge', null)
  const { around, ...told } = await task.result()
  const [span] = spansOf(task.id).process!
  assert.deepEqual([around.parentSpanId, around.traceId], [idOf(span!), span!.spanContext().traceId])
  assert.equal(told.parentSpanId, around.spanId)
})
