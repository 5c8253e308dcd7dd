/** The same on the cluster engine: the trace goes through the tables, and a worker that sits directly on them has the engine's spans itself. */

import assert from 'node:assert/strict'
import { test } from 'node:test'
import { openBed } from '../../support/bed.ts'
import { openOtlpSink } from '../../support/otlp-sink.ts'
import { needCluster } from '../../support/real-parts.ts'
import { chasquiJson, startServer, startWorker } from '../cli/chasqui.ts'

const tasks = new URL('./traced-tasks.ts', import.meta.url)

test(
  'a task of a cluster is one trace, its attempts under the deliveries of the process that holds them',
  needCluster(),
  async (context) => {
    const bed = await openBed(context)
    const [sink, databaseUrl, amqpUrl] = await Promise.all([
      openOtlpSink(context),
      bed.database(),
      bed.amqp(),
    ])
    const own = ['--engine', 'cluster', '--database-url', databaseUrl, '--amqp-url', amqpUrl]
    const receiver = ['--otlp-endpoint', sink.endpoint]
    const server = await startServer(context, ['distributor', ...own, ...receiver])
    const worker = await startWorker(context, [tasks.href, '--concurrency', '1', ...own, ...receiver])
    const [record] = await chasquiJson(['submit', 'fail-once', '--wait', ...receiver, ...server.connect])
    assert.equal(record!.state, 'succeeded')
    for (const { child, exited } of [worker, server]) {
      child.kill('SIGTERM')
      assert.equal((await exited).code, 0)
    }
    const spansOf = (operation: string) => sink.spans.filter(({ name }) => name === `${operation} default`)
    const [submit, accept] = [...spansOf('submit'), ...spansOf('accept')]
    const [deliveries, attempts] = [spansOf('deliver'), spansOf('process')]
    assert.deepEqual(
      [submit, accept, ...deliveries, ...attempts].map((span) => [
        span!.name,
        span!.service,
        span!.parentSpanId,
      ]),
      [
        ['submit default', 'chasqui-submit', undefined],
        ['accept default', 'chasqui-distributor', submit!.spanId],
        ['deliver default', 'chasqui-worker', submit!.spanId],
        ['deliver default', 'chasqui-worker', submit!.spanId],
        ['process default', 'chasqui-worker', deliveries[0]!.spanId],
        ['process default', 'chasqui-worker', deliveries[1]!.spanId],
      ],
    )
    assert.equal(new Set(sink.spans.map(({ traceId }) => traceId)).size, 1)
    assert.deepEqual(
      attempts.map(({ links }) => links.map(({ spanId }) => spanId)),
      [[], [attempts[0]!.spanId]],
    )
  },
)
